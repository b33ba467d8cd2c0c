package memledger

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// maxBody is the largest request body, in bytes.
const maxBody = 100 << 10

// Serves tells whether a path is one of the ledger's.
func Serves(path string) bool {
	_, ok := route(path)
	return ok
}

// route is a path below either prefix of the routes of services.
func route(path string) (string, bool) {
	for _, prefix := range []string{wire.InternalCreditsPath, wire.CreditsPath} {
		if below, ok := strings.CutPrefix(path, prefix+"/"); ok {
			return below, true
		}
	}
	return "", false
}

// ServeHTTP answers the routes of services, under both prefixes.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body, err := l.answer(w, r)
	if err == nil {
		wire.Reply(w, r, status, body)
		return
	}
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		refused = &refusal{code: wire.Internal, message: "Internal server error"}
	}
	envelope := wire.NewEnvelope(refused.code, refused.message, r.URL.Path, l.config.Now()).In(l.config.Generation)
	switch details := refused.details.(type) {
	case wire.InsufficientServiceDetails:
		wire.Reply(w, r, envelope.StatusCode, wire.InsufficientEnvelope{Envelope: envelope, Details: details})
	case wire.KeyReusedDetails:
		wire.Reply(w, r, envelope.StatusCode, wire.KeyReusedEnvelope{Envelope: envelope, Details: details})
	default:
		wire.Reply(w, r, envelope.StatusCode, envelope)
	}
}

func (l *Ledger) answer(w http.ResponseWriter, r *http.Request) (status int, body any, err error) {
	below, _ := route(r.URL.EscapedPath())
	name, userID, _ := strings.Cut(below, "/")
	appID := r.Header.Get(wire.AppIDHeader)
	if l.config.ServiceKey != "" &&
		subtle.ConstantTimeCompare([]byte(r.Header.Get(wire.ServiceKeyHeader)), []byte(l.config.ServiceKey)) != 1 {
		return 0, nil, &refusal{code: wire.Unauthorized, message: "Invalid service key"}
	}
	doc, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return 0, nil, &refusal{code: wire.PayloadTooLarge, message: "request entity too large"}
	}
	if slices.Contains(keyedRoutes, name) {
		if doc, err = keyed(doc, r.Header.Values(wire.IdempotencyKeyHeader)); err != nil {
			return 0, nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	status = http.StatusOK
	switch r.Method + " " + name {
	case "GET balance":
		body = l.open(userID).balance().At(r.URL.Path)
	case "GET transactions":
		body, err = l.page(w, r, userID, cmp.Or(appID, unknownApp))
	case "POST use":
		status = http.StatusCreated
		body, err = decode(doc, l.use, appID)
	case "POST refund":
		status = http.StatusCreated
		body, err = decode(doc, l.refund, appID)
	case "POST reserve":
		body, err = decode(doc, l.reserve, appID)
	case "POST commit":
		body, err = decode(doc, l.commit, appID)
	case "POST refund-reservation":
		body, err = decode(doc, l.release, appID)
	default:
		err = &refusal{code: wire.NotFound, message: "Cannot " + r.Method + " " + r.URL.EscapedPath()}
	}
	return status, body, err
}

// keyedRoutes are those whose requests may have an idempotency key.
var keyedRoutes = []string{"use", "refund", "reserve"}

// keyed puts the idempotency key of a header into the body.
func keyed(doc []byte, headers []string) ([]byte, error) {
	var members map[string]jsontext.Value
	if json.Unmarshal(doc, &members) != nil {
		return doc, nil //nolint:nilerr // decode says what is wrong
	}
	const name = "idempotencyKey"
	var inBody string
	if sent := members[name]; sent.Kind() == '"' {
		if err := json.Unmarshal(sent, &inBody); err != nil || inBody == "" {
			return nil, &refusal{code: wire.ValidationFailed, message: []string{name + " should not be empty"}}
		}
	}
	key, problem := wire.IdempotencyKey(inBody, headers)
	switch {
	case problem != "":
		return nil, &refusal{code: wire.ValidationFailed, message: []string{problem}}
	case key == inBody:
		return doc, nil
	}
	var err error
	if members[name], err = jsontext.AppendQuote(nil, key); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// wholeNumbers reads amounts and times in every spelling that the auth server
// takes.
var wholeNumbers = json.UnmarshalFromFunc(func(d *jsontext.Decoder, into *int64) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	n, ok := wire.ParseWhole(string(raw))
	if !ok {
		return errors.New("not a whole number")
	}
	*into = n
	return nil
})

// decode reads a request strictly and runs it.
func decode[T any](doc []byte, run func(appID string, request T) (any, error), appID string) (any, error) {
	var request T
	if err := json.Unmarshal(doc, &request, json.RejectUnknownMembers(true), json.WithUnmarshalers(wholeNumbers)); err != nil {
		return nil, &refusal{code: wire.ValidationFailed, message: []string{"the body is not one of this route"}}
	}
	if faults := check(any(request)); faults != nil {
		return nil, &refusal{code: wire.ValidationFailed, message: faults}
	}
	named := appOf(any(request))
	if named != "" && appID != "" && named != appID {
		return nil, &refusal{code: wire.Forbidden, message: "The service key is not one of that app"}
	}
	appID = cmp.Or(appID, named, unknownApp)
	if refund, ok := any(request).(wire.CreditRefundRequest); ok && appID == unknownApp && refund.TransactionID == "" {
		return nil, &refusal{code: wire.ValidationFailed, message: []string{"transactionId is required of a service that names no app"}}
	}
	return run(appID, request)
}

// unknownApp is the app of services that name none.
const unknownApp = "unknown"

// check says what is wrong with a request.
func check(request any) (faults []string) {
	require := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	amount := func(n int64) { require(n > 0 && n <= wire.MaxCredits, "amount must be a positive number") }
	text := func(name, value string) { require(value != "", name+" should not be empty") }
	switch q := request.(type) {
	case wire.CreditUseRequest:
		amount(q.Amount)
		text("userId", q.UserID)
		text("description", q.Description)
	case wire.CreditRefundRequest:
		amount(q.Amount)
		text("userId", q.UserID)
		text("description", q.Description)
	case wire.CreditReserveRequest:
		amount(q.Amount)
		text("userId", q.UserID)
		text("reason", q.Reason)
		require(q.ExpiresIn >= 0 && q.ExpiresIn <= 86400, "expiresIn must be between 1 and 86400")
	case wire.CreditCommitRequest:
		text("reservationId", q.ReservationID)
		if q.Amount != nil {
			amount(*q.Amount)
		}
	case wire.CreditReleaseRequest:
		text("reservationId", q.ReservationID)
	}
	return faults
}

// appOf is the app that a request names, if its route takes one.
func appOf(request any) string {
	switch q := request.(type) {
	case wire.CreditUseRequest:
		return q.AppID
	case wire.CreditRefundRequest:
		return q.AppID
	}
	return ""
}

// page is a page of a user's transactions, of which an app sees its own. Its
// cursor is how many to leave out of the oldest.
func (l *Ledger) page(w http.ResponseWriter, r *http.Request, userID, appID string) ([]wire.CreditTransaction, error) {
	rows := l.open(userID).rows
	limit, end := 50, len(rows)
	query := r.URL.Query()
	if text := query.Get("limit"); text != "" {
		n, ok := wire.ParseWhole(text)
		if !ok || n < 1 || n > 200 {
			return nil, &refusal{code: wire.ValidationFailed, message: []string{"limit must be between 1 and 200"}}
		}
		limit = int(n)
	}
	if text := query.Get("cursor"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > end {
			return nil, &refusal{code: wire.ValidationFailed, message: []string{"cursor is malformed"}}
		}
		end = n
	}
	begin := max(0, end-limit)
	if begin > 0 {
		w.Header().Set(wire.NextCursorHeader, strconv.Itoa(begin))
	}
	return slices.DeleteFunc(newestFirst(rows[begin:end]), func(row wire.CreditTransaction) bool { return row.AppID != appID }), nil
}
