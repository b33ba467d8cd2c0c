package wiretest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

// validateValid: contract section 2, POST /auth/validate. The verdict repeats
// what the token says, and sid under two names.
func validateValid(p *probe) {
	a := p.validate(p.tokens.valid)
	if !a.status(http.StatusOK) {
		return
	}
	a.isJSON()
	a.noStore()
	var verdict struct {
		Valid   bool           `json:"valid"`
		Payload map[string]any `json:"payload"`
	}
	if !a.object(a.body, &verdict, "valid", "payload") {
		return
	}
	if !verdict.Valid {
		a.errorf("a good token is valid:false")
	}
	want, err := claims(p.tokens.valid)
	if err != nil {
		p.errorf("token: %v", err)
		return
	}
	want["sessionId"] = want["sid"]
	if p.generation != wire.Generation2026 {
		// The token says nothing of these two, and the verdict says them always.
		tier, _ := verdict.Payload["tier"].(string)
		if _, isBool := verdict.Payload["email_verified"].(bool); !isBool || !slices.Contains(tiers, tier) {
			a.errorf("payload: want email_verified, and tier one of %q, in %s", tiers, a.body)
		}
		delete(verdict.Payload, "tier")
		delete(verdict.Payload, "email_verified")
	}
	if diff := cmp.Diff(want, verdict.Payload); diff != "" {
		a.errorf("payload (-token +answer):\n%s", diff)
	}
}

func claims(token string) (map[string]any, error) {
	_, rest, _ := strings.Cut(token, ".")
	text, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, err
	}
	var c map[string]any
	return c, json.Unmarshal(payload, &c)
}

// refusal is the text of a valid:false.
func (a *answer) refusal() string {
	if !a.status(http.StatusOK) {
		return ""
	}
	a.isJSON()
	a.noStore()
	var verdict wire.ValidateResponse
	if !a.object(a.body, &verdict, "valid", "error") {
		return ""
	}
	if verdict.Valid {
		a.errorf("valid:true with an error")
	}
	return verdict.Error
}

func validateExpired(p *probe) {
	a := p.validate(p.tokens.expired)
	if got := a.refusal(); got != wire.ValidateExpired {
		a.errorf("error %q, want %q", got, wire.ValidateExpired)
	}
}

// validateInvalid: every text but that of an expired token starts alike; a
// forgery that has also expired is a forgery (attack A25).
func validateInvalid(p *probe) {
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	_, payload, _ := strings.Cut(p.tokens.valid, ".")
	payload, _, _ = strings.Cut(payload, ".")
	for _, c := range []struct{ name, token string }{
		{"session revoked", p.tokens.revoked},
		{"foreign key", p.tokens.foreign},
		{"not a token", "x"},
		{"three parts of nothing", ".."},
		{"A1 alg none", none + "." + payload + "."},
		{"A15 no signature", withoutSignature(p.tokens.valid)},
		{"A22 another token's signature", withoutSignature(p.tokens.valid) + signature(p.tokens.expired)},
		{"A25 expired and badly signed", withoutSignature(p.tokens.expired) + signature(p.tokens.valid)},
	} {
		a := p.validate(c.token)
		got := a.refusal()
		if !strings.HasPrefix(got, wire.ValidateInvalidPrefix) || len(got) == len(wire.ValidateInvalidPrefix) {
			a.errorf("%s: error %q, want %q and a reason", c.name, got, wire.ValidateInvalidPrefix)
		}
	}
}

func withoutSignature(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }
func signature(token string) string        { return token[strings.LastIndexByte(token, '.')+1:] }

// validateAbsent: a token that is not there is a matter for the verdict, since
// guards in the field turn any other status than 200 into a 401. Members that
// nobody knows are none.
func validateAbsent(p *probe) {
	for name, body := range map[string]string{
		"no body": ``, "no member": `{}`, "null": `{"token":null}`, "empty": `{"token":""}`,
		"another member": `{"extra":1}`, "another member beside it": `{"token":"x","extra":{"a":[1]}}`,
	} {
		a := p.post(body)
		if got := a.refusal(); !strings.HasPrefix(got, wire.ValidateInvalidPrefix) {
			a.errorf("%s: error %q, want %q and a reason", name, got, wire.ValidateInvalidPrefix)
		}
	}
}

// validateRefused: what is no question gets no verdict.
func validateRefused(p *probe) {
	noObject := []wire.Code{wire.InvalidRequest, wire.ValidationFailed}
	for _, c := range []struct {
		name, body string
		codes      []wire.Code
		says       string // an entry of the message; empty where the contract gives none
	}{
		{"half a body", `{"token":"x`, []wire.Code{wire.InvalidRequest}, ""},
		{"no JSON", `token=x`, []wire.Code{wire.InvalidRequest}, ""},
		{"trailing data", `{"token":"x"}{}`, []wire.Code{wire.InvalidRequest}, ""},
		{"an array", `["x"]`, noObject, ""},
		{"a number", `{"token":5}`, []wire.Code{wire.ValidationFailed}, "token must be a string"},
		{"above 100 KB", `{"token":"` + strings.Repeat("x", 101<<10) + `"}`, []wire.Code{wire.PayloadTooLarge}, ""},
	} {
		a := p.post(c.body)
		entries := a.envelope(c.codes...)
		if c.says != "" && !slices.Contains(entries, c.says) {
			a.errorf("%s: message %q, want %q in it", c.name, entries, c.says)
		}
	}
}

// validateLong: below 100 KB, even nonsense gets its verdict.
func validateLong(p *probe) {
	a := p.validate(strings.Repeat("x", 99_000))
	if got := a.refusal(); !strings.HasPrefix(got, wire.ValidateInvalidPrefix) {
		a.errorf("error %q, want %q and a reason", got, wire.ValidateInvalidPrefix)
	}
}
