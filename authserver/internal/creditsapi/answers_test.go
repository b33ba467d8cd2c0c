package creditsapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestRefusals: what the ledger refuses is answered with these codes and texts,
// which the routes declare.
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	const inner, user = wire.InternalCreditsPath, wire.CreditsPath
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	const spent = `"appId":"chat","description":"words"`
	used := decode[wire.CreditUseResponse](h, h.ask("POST", inner+"/use", `{"userId":"ann","amount":5,`+spent+`,"idempotencyKey":"k"}`, asChat...)).Transaction
	grant := decode[wire.CreditGrantResponse](h, h.ask("POST", inner+"/grant", `{"userId":"bob","amount":9007199254740841,"reason":"r","referenceId":"x"}`, asChat...))
	if !grant.OK || grant.AlreadyGranted || grant.NewBalance != wire.MaxCredits {
		t.Errorf("%+v", grant)
	}
	reserve := func(seconds string) string {
		return decode[wire.CreditReserveResponse](h, h.ask("POST", inner+"/reserve",
			`{"userId":"ann","amount":5,"reason":"r","idempotencyKey":"r`+seconds+`","expiresIn":`+seconds+`}`, asChat...)).ReservationID
	}
	late, taken, back, open := reserve("1"), reserve("100"), reserve("200"), reserve("300")
	decode[wire.CreditCommitResponse](h, h.ask("POST", inner+"/commit", `{"reservationId":"`+taken+`"}`, asChat...))
	if got := decode[wire.CreditReleaseResponse](h, h.ask("POST", inner+"/refund-reservation", `{"reservationId":"`+back+`"}`, asChat...)); !got.Success || got.Balance != 130 {
		t.Errorf("%+v", got)
	}
	h.clock.now = begin.Add(time.Second)
	for _, test := range []struct {
		path, body string
		headers    []string
		code       wire.Code
		message    string
	}{
		{inner + "/init", `{"userId":"cem"}`, asChat, wire.NotFound, "User not found"},
		{inner + "/use", `{"userId":"cem","amount":1,` + spent + `}`, asChat, wire.NotFound, "User not found"},
		{user + "/use", `{"amount":1,` + spent + `}`, []string{"Authorization", "Bearer cem"}, wire.NotFound, "User not found"},
		{inner + "/use", `{"userId":"ann","amount":6,` + spent + `,"idempotencyKey":"k"}`, asChat, wire.IdempotencyKeyReused, textKeyReused},
		{inner + "/reserve", `{"userId":"ann","amount":6,"reason":"r","idempotencyKey":"k"}`, asChat, wire.IdempotencyKeyReused, textKeyReused},
		{inner + "/grant", `{"userId":"bob","amount":1,"reason":"r","referenceId":"x"}`, asChat, wire.IdempotencyKeyReused, textKeyReused},
		{inner + "/grant", `{"userId":"bob","amount":1,"reason":"r","referenceId":"y"}`, asChat, wire.InvalidRequest, "Balance would be too large"},
		{inner + "/refund", `{"userId":"ann","amount":1,` + spent + `,"transactionId":"` + id + `"}`, asChat, wire.NotFound, "Transaction not found"},
		{inner + "/refund", `{"userId":"bob","amount":1,` + spent + `,"transactionId":"` + used.ID + `"}`, asChat, wire.Conflict, "Transaction is not a usage of this user and app"},
		{inner + "/refund", `{"userId":"ann","amount":6,` + spent + `,"transactionId":"` + used.ID + `"}`, asChat, wire.Conflict, "Refund exceeds what is left of the transaction"},
		{inner + "/commit", `{"reservationId":"` + id + `"}`, asChat, wire.NotFound, "Reservation not found"},
		{inner + "/commit", `{"reservationId":"` + open + `"}`, asPicture, wire.NotFound, "Reservation not found"},
		{inner + "/commit", `{"reservationId":"` + open + `","amount":6}`, asChat, wire.Conflict, "Amount exceeds the reservation"},
		{inner + "/commit", `{"reservationId":"` + taken + `","amount":1}`, asChat, wire.Conflict, "Reservation was already committed"},
		{inner + "/commit", `{"reservationId":"` + back + `"}`, asChat, wire.Conflict, "Reservation was already released"},
		{inner + "/commit", `{"reservationId":"` + late + `"}`, asChat, wire.Conflict, "Reservation expired"},
		{inner + "/refund-reservation", `{"reservationId":"` + taken + `"}`, asChat, wire.Conflict, "Reservation was already committed"},
	} {
		w := h.ask("POST", test.path, test.body, test.headers...)
		e := h.envelope(w)
		if w.Code != test.code.Status() || e.Error != test.code || !cmp.Equal(e.Message, any(test.message)) {
			t.Errorf("%s %s: %d %s", test.path, test.body, w.Code, w.Body)
		}
	}
	if e := h.envelope(h.ask("GET", user+"/transactions?cursor=x", "", asAnn...)); e.Error != wire.InvalidRequest || e.Message != "Malformed cursor" {
		t.Errorf("%+v", e)
	}
}

// TestDetails: three answers tell more than others, or tell it otherwise.
func TestDetails(t *testing.T) {
	t.Parallel()
	h := open(t)
	const at = `"timestamp":"2026-03-01T12:00:00.000Z","path":"/api/v1/`
	for _, test := range []struct {
		path, body string
		headers    []string
		status     int
		want       string
	}{
		{wire.InternalCreditsPath + "/use", `{"userId":"ann","amount":151,"appId":"chat","description":"words"}`, asChat, http.StatusPaymentRequired,
			`{"statusCode":402,"message":"Insufficient credits","error":"INSUFFICIENT_CREDITS","code":"INSUFFICIENT_CREDITS",` + at + `internal/credits/use","status":402,` +
				`"details":{"requiredCredits":151,"availableCredits":150,"creditType":"user","operation":"words","required":151,"available":150}}`},
		{wire.CreditsPath + "/use", `{"amount":151,"appId":"chat","description":"words"}`, asAnn, http.StatusBadRequest,
			`{"statusCode":400,"message":"Insufficient credits","error":"INSUFFICIENT_CREDITS","code":"INSUFFICIENT_CREDITS",` + at + `credits/use","status":400}`},
		{wire.CreditsPath + "/reserve", `{"userId":"ann","amount":151,"reason":"stream"}`, asChat, http.StatusPaymentRequired,
			`{"statusCode":402,"message":"Insufficient credits","error":"INSUFFICIENT_CREDITS","code":"INSUFFICIENT_CREDITS",` + at + `credits/reserve","status":402,` +
				`"details":{"requiredCredits":151,"availableCredits":150,"creditType":"user","operation":"stream","required":151,"available":150}}`},
	} {
		if w := h.ask("POST", test.path, test.body, test.headers...); w.Code != test.status || w.Body.String() != test.want {
			t.Errorf("%d %s\nwant %s", w.Code, w.Body, test.want)
		}
	}
	const reserve = `{"userId":"ann","reason":"stream","idempotencyKey":"k","amount":`
	decode[wire.CreditReserveResponse](h, h.ask("POST", wire.CreditsPath+"/reserve", reserve+`1}`, asChat...))
	want := `{"statusCode":422,"message":"` + textKeyReused + `","error":"IDEMPOTENCY_KEY_REUSED","code":"IDEMPOTENCY_KEY_REUSED",` +
		at + `credits/reserve","status":422,"details":{"state":"open"}}`
	if w := h.ask("POST", wire.CreditsPath+"/reserve", reserve+`2}`, asChat...); w.Code != http.StatusUnprocessableEntity || w.Body.String() != want {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
}

// TestHistory: a user sees all transactions, a service its app's, in pages.
func TestHistory(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, app := range []string{"chat", "picture", "chat"} {
		body := `{"amount":1,"appId":"` + app + `","description":"d"}`
		got := decode[wire.CreditUseResponse](h, h.ask("POST", wire.CreditsPath+"/use", body, asAnn...))
		if !got.Success || got.Message != "" || got.Transaction.AppID != app {
			t.Errorf("%+v", got)
		}
	}
	h.ask("POST", wire.CreditsPath+"/use", `{"userId":"bob","amount":1,"appId":"chat","description":"d"}`, asChat...)
	// A user's own report is no payment to the app.
	for _, row := range h.books.transactions {
		if want := map[string]ledger.Source{"ann": ledger.FromUser, "bob": ledger.FromService}[row.UserID]; row.Type == ledger.Usage && row.Source != want {
			t.Errorf("a usage of %s is reported by %s", row.UserID, row.Source)
		}
	}
	apps := func(path string, headers []string) (apps []string, next string) {
		t.Helper()
		w := h.ask("GET", path, "", headers...)
		for _, row := range decode[[]wire.CreditTransaction](h, w) {
			apps = append(apps, row.AppID)
		}
		return apps, w.Header().Get(wire.NextCursorHeader)
	}
	all, next := apps(wire.CreditsPath+"/transactions", asAnn)
	if diff := cmp.Diff([]string{"chat", "picture", "chat", "system"}, all); diff != "" || next != "" {
		t.Errorf("next %q (-want +got):\n%s", next, diff)
	}
	page, next := apps(wire.CreditsPath+"/transactions?limit=3", asAnn)
	if len(page) != 3 || next == "" {
		t.Errorf("%v, next %q", page, next)
	}
	if page, next = apps(wire.CreditsPath+"/transactions?limit=3&cursor="+next, asAnn); !cmp.Equal(page, []string{"system"}) || next != "" {
		t.Errorf("%v, next %q", page, next)
	}
	if page, _ = apps(wire.InternalCreditsPath+"/transactions/ann?offset=1", asChat); !cmp.Equal(page, []string{"chat"}) {
		t.Errorf("of the app: %v", page)
	}
	if w := h.ask("GET", wire.InternalCreditsPath+"/transactions/bob", "", asPicture...); w.Body.String() != "[]" {
		t.Errorf("of another app: %s", w.Body)
	}
}
