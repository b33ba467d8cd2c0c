package credits

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

// nonsense is an answer of success that is not what was asked for.
func (c *Client) nonsense() error {
	return &callError{
		kind: ErrUnavailable, outcome: httpcall.Ill, retry: true,
		text: "the ledger's answer is not one to the question: is a ledger at " + c.place() + "?",
	}
}

// place is where the ledger is looked for, for an error that may be about it.
func (c *Client) place() string {
	return fmt.Sprintf("the URL (MANA_CREDITS_URL or MANA_AUTH_URL), which is %q, with the Prefix, which is %q", c.config.URL, c.config.Prefix)
}

// keyReused is a 422: another operation has the key.
type keyReused struct{ state string }

func (*keyReused) Error() string { return ErrKeyReused.Error() }
func (*keyReused) Unwrap() error { return ErrKeyReused }

// Is makes it an ErrKeyLapsed where the reservation that has the key came to
// nothing.
func (k *keyReused) Is(target error) bool {
	return target == ErrKeyLapsed && (k.state == wire.ReservationReleased || k.state == wire.ReservationExpired)
}

// envelope is the body of an error. The ledgers of 2025 name the code in code
// and error, and say the status in statusCode; those of 2026 name it in error and
// say status, or have statusCode and no code at all.
type envelope struct {
	StatusCode *int           `json:"statusCode"`
	Status     *int           `json:"status"`
	Code       wire.Code      `json:"code"`
	Error      jsontext.Value `json:"error"` // a code, a sentence, or something else
	Details    jsontext.Value `json:"details"`
	RetryAfter int64          `json:"retryAfterSec"`
}

// details are those of both generations.
type details struct {
	RequiredCredits  *int64 `json:"requiredCredits"`
	AvailableCredits *int64 `json:"availableCredits"`
	Required         *int64 `json:"required"`
	Available        *int64 `json:"available"`
	State            string `json:"state"`
}

// readEnvelope reads the body of an error. Where it is none, or none that has
// that status, ok is false: it is the page of a proxy, or of another service at
// a wrong URL.
func readEnvelope(status int, doc []byte) (e envelope, code wire.Code, ok bool) {
	if err := json.Unmarshal(doc, &e); err != nil {
		return envelope{}, "", false
	}
	var second string
	if e.Error.Kind() == '"' {
		_ = json.Unmarshal(e.Error, &second) // it was valid as a part of the whole
	}
	code = cmp.Or(e.Code, wire.Code(second))
	switch {
	case e.StatusCode != nil && *e.StatusCode != status, e.Status != nil && *e.Status != status:
		return e, code, false
	case known(e.Code) && e.Code.Status() != status, known(wire.Code(second)) && wire.Code(second).Status() != status:
		return e, code, false
	}
	if code == wire.Code(second) && !isCode(second) {
		code = ""
	}
	return e, code, true
}

// known tells whether a code is one of the contract, whose table gives every
// other one the status of Internal.
func known(code wire.Code) bool {
	return code == wire.Internal || code.Status() != wire.Internal.Status()
}

// isCode tells a code from a sentence.
func isCode(text string) bool {
	return text != "" && strings.IndexFunc(text, func(c rune) bool { return !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') }) < 0
}

// refusal is what an answer that is no success means: by its status, and by a
// body that speaks of that status.
func (c *Client) refusal(op call, resp *http.Response, doc []byte) error {
	status := resp.StatusCode
	e, code, ok := readEnvelope(status, doc)
	if !ok {
		return c.noVerdict(resp, 0)
	}
	if status == http.StatusPaymentRequired {
		return c.insufficient(op, e)
	}
	if e.StatusCode == nil && e.Status == nil && !known(code) {
		return c.noVerdict(resp, e.RetryAfter) // anybody's JSON
	}
	answered := func(kind error, text string) error {
		return &callError{kind: kind, text: fmt.Sprintf("status %d", status) + text, outcome: httpcall.Well}
	}
	switch status {
	case http.StatusUnprocessableEntity:
		if code == wire.IdempotencyKeyReused {
			var d details
			_ = json.Unmarshal(e.Details, &d) // without a state the key is used up
			return &keyReused{d.State}
		}
	case http.StatusConflict:
		return &callError{kind: ErrConflict, text: "status 409", outcome: httpcall.Well, retry: op.conflictPasses}
	case http.StatusBadRequest:
		if op.settles && code == "" {
			// The id is good, and so it is the state that is not.
			return &callError{kind: ErrConflict, text: "status 400", outcome: httpcall.Well, settled: true}
		}
		return answered(ErrInvalid, "")
	case http.StatusRequestEntityTooLarge:
		return answered(ErrInvalid, "")
	case http.StatusNotFound:
		if op.names != "" {
			return answered(ErrNotFound, fmt.Sprintf(": it has no such %s of app %q", op.names, c.config.AppID))
		}
		return answered(ErrNotFound, fmt.Sprintf(" to %s %s: it has no such user, or the URL (MANA_CREDITS_URL or MANA_AUTH_URL) is wrong, which is %q, or the Prefix, which is %q",
			op.method, op.route(), c.config.URL, c.config.Prefix))
	case http.StatusUnauthorized:
		return answered(ErrForbidden, fmt.Sprintf(": it does not take this ServiceKey (MANA_SERVICE_KEY), or takes it for another app; AppID (APP_ID) is %q", c.config.AppID))
	case http.StatusForbidden:
		return answered(ErrForbidden, fmt.Sprintf(": the ServiceKey (MANA_SERVICE_KEY) does not allow %s %s; AppID (APP_ID) is %q; authserver service-keys create makes one that does",
			op.method, op.route(), c.config.AppID))
	}
	return c.noVerdict(resp, e.RetryAfter)
}

// insufficient is a 402, which has to be about what was asked for. It needs no
// code and no status in its body: no other 402 repeats the amount.
func (c *Client) insufficient(op call, e envelope) error {
	var d details
	if json.Unmarshal(e.Details, &d) != nil {
		return c.nonsense()
	}
	required, agreed := either(d.RequiredCredits, d.Required)
	available, also := either(d.AvailableCredits, d.Available)
	if !agreed || !also || op.required == 0 || required != op.required || available < 0 || available >= required {
		return c.nonsense()
	}
	return &InsufficientError{Required: required, Available: available, Operation: op.operation}
}

// either is the value of two names for one figure, of which one or both are
// there; false where none is, or where they differ.
func either(a, b *int64) (int64, bool) {
	switch {
	case a == nil && b == nil, a != nil && b != nil && *a != *b:
		return 0, false
	case a == nil:
		return *b, true
	}
	return *a, true
}

// noVerdict is an answer that decides nothing. Below 500 it does not say
// either whether the ledger is well: 429, a redirect, a gateway's 401.
// The wait that it asks for may stand in the header, or in the body as asked, in
// seconds.
func (c *Client) noVerdict(resp *http.Response, asked int64) error {
	e := &callError{kind: ErrUnavailable, text: fmt.Sprintf("status %d", resp.StatusCode), outcome: httpcall.Unknown}
	switch status := resp.StatusCode; {
	case status >= http.StatusInternalServerError:
		e.outcome = httpcall.Ill
	case status == http.StatusTooManyRequests:
	case status >= 300 && status < 400:
		e.text += ": it redirects, and no redirect is followed; is a ledger at " + c.place() + "?"
	default:
		e.text += ", which is not a ledger's answer: is one at " + c.place() + "?"
	}
	e.retry = e.outcome == httpcall.Ill || resp.StatusCode == http.StatusTooManyRequests
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		asked = int64(seconds)
	}
	e.after = time.Duration(min(max(asked, 0), 1<<16)) * time.Second
	return e
}
