package credits_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
)

// The errors of both generations of ledgers, and what is neither's. Each is the
// answer to a Consume of one credit.
func TestErrorsOfBothGenerations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   error // ErrUnavailable: it is no verdict
	}{
		{"402 with the older pair", 402, `{"statusCode":402,"code":"INSUFFICIENT_CREDITS","details":{"requiredCredits":1,"availableCredits":0}}`, credits.ErrInsufficient},
		{"402 with the newer pair", 402, `{"statusCode":402,"message":"Insufficient credits","details":{"required":1,"available":0}}`, credits.ErrInsufficient},
		{"402 with both pairs", 402, `{"statusCode":402,"code":"INSUFFICIENT_CREDITS","details":{"requiredCredits":1,"availableCredits":0,"required":1,"available":0}}`, credits.ErrInsufficient},
		{"402 with two pairs that differ", 402, `{"statusCode":402,"details":{"requiredCredits":1,"availableCredits":0,"required":2,"available":0}}`, credits.ErrUnavailable},
		{"402 with two that differ in what there is", 402, `{"statusCode":402,"details":{"requiredCredits":1,"availableCredits":0,"required":1,"available":-1}}`, credits.ErrUnavailable},
		{"402 with halves of two pairs", 402, `{"statusCode":402,"details":{"requiredCredits":1,"available":0}}`, credits.ErrInsufficient},
		{"402 without statusCode and code", 402, `{"message":"Insufficient credits","details":{"required":1,"available":0}}`, credits.ErrInsufficient},
		{"402 of the newer envelope", 402, `{"error":"INSUFFICIENT_CREDITS","message":"m","status":402,"details":{"required":1,"available":0}}`, credits.ErrInsufficient},
		{"402 about another amount", 402, `{"statusCode":402,"details":{"required":2,"available":0}}`, credits.ErrUnavailable},
		{"402 with enough", 402, `{"statusCode":402,"details":{"required":1,"available":1}}`, credits.ErrUnavailable},
		{"402 of a paywall", 402, `{"message":"Payment required"}`, credits.ErrUnavailable},
		{"402 with another code", 402, `{"statusCode":402,"code":"CONFLICT","details":{"required":1,"available":0}}`, credits.ErrUnavailable},
		{"402 that says 403", 402, `{"statusCode":403,"details":{"required":1,"available":0}}`, credits.ErrUnavailable},
		{"402 with details that are none", 402, `{"statusCode":402,"details":["required"]}`, credits.ErrUnavailable},

		{"a code in error, and status", 409, `{"error":"CONFLICT","message":"m","status":409}`, credits.ErrConflict},
		{"a code in error alone", 404, `{"error":"NOT_FOUND","message":"m"}`, credits.ErrNotFound},
		{"a code alone", 403, `{"code":"FORBIDDEN"}`, credits.ErrForbidden},
		{"a code that we don't know", 400, `{"error":"VALIDATION","message":"m","status":400}`, credits.ErrInvalid},
		{"a key that was reused", 422, `{"error":"IDEMPOTENCY_KEY_REUSED","message":"m","status":422}`, credits.ErrKeyReused},
		{"no code, statusCode", 401, `{"statusCode":401,"message":"Invalid service key"}`, credits.ErrForbidden},
		{"no code, status", 401, `{"error":"Invalid service key","status":401}`, credits.ErrForbidden},
		{"no code, 400", 400, `{"statusCode":400,"message":"m"}`, credits.ErrInvalid},
		{"no code, 404", 404, `{"statusCode":404,"message":"User balance not found"}`, credits.ErrNotFound},
		{"no code, 409", 409, `{"statusCode":409,"message":"m"}`, credits.ErrConflict},

		{"neither code nor status", 404, `{"message":"Not found"}`, credits.ErrUnavailable},
		{"a sentence in error", 401, `{"error":"Unauthorized"}`, credits.ErrUnavailable},
		{"a status that contradicts", 404, `{"error":"NOT_FOUND","status":400}`, credits.ErrUnavailable},
		{"one of two that contradicts", 404, `{"statusCode":404,"status":400}`, credits.ErrUnavailable},
		{"code and error that contradict", 409, `{"statusCode":409,"code":"CONFLICT","error":"NOT_FOUND"}`, credits.ErrUnavailable},
		{"a code of another status", 401, `{"statusCode":401,"error":"NOT_FOUND"}`, credits.ErrUnavailable},
		{"an internal error as 404", 404, `{"statusCode":404,"code":"INTERNAL"}`, credits.ErrUnavailable},
		{"a status that is a word", 401, `{"status":"error","message":"m"}`, credits.ErrUnavailable},
		{"null", 401, `{"statusCode":null,"code":null,"message":"m"}`, credits.ErrUnavailable},
		{"a name twice", 401, `{"statusCode":401,"statusCode":401}`, credits.ErrUnavailable},
		{"a page", 401, `<html>`, credits.ErrUnavailable},
		{"nothing", 401, ``, credits.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op"})
			r.fails(err, c.want)
			if short, ok := errors.AsType[*credits.InsufficientError](err); ok && *short != (credits.InsufficientError{Required: 1, Operation: "op"}) {
				t.Errorf("%+v", short)
			}
		})
	}
}

// A replay of the standalone service has no new balance, and one of another
// operation under the key is no receipt.
func TestReplaysOfTheStandaloneService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, transaction string
		want              error
	}{
		{"the same", `"userId":"ada","amount":-1,"appId":"chat","idempotencyKey":"k"`, nil},
		{"another amount", `"userId":"ada","amount":-2,"appId":"chat","idempotencyKey":"k"`, credits.ErrKeyReused},
		{"another user", `"userId":"bob","amount":-1,"appId":"chat","idempotencyKey":"k"`, credits.ErrKeyReused},
		{"another app", `"userId":"ada","amount":-1,"appId":"other","idempotencyKey":"k"`, credits.ErrKeyReused},
		{"another key", `"userId":"ada","amount":-1,"appId":"chat","idempotencyKey":"x"`, credits.ErrUnavailable},
		{"another amount, and no key", `"userId":"ada","amount":-2,"appId":"chat"`, credits.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"success":true,"message":"Transaction already processed","transaction":{"id":"t","balanceBefore":9,"balanceAfter":8,`+c.transaction+`}}`)
			})
			receipt, err := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op", Key: "k"})
			want := credits.Receipt{}
			if c.want == nil {
				want = credits.Receipt{TransactionID: "t", Paid: 8, Replayed: true}
			}
			if receipt != want || !errors.Is(err, c.want) {
				t.Errorf("%+v, %v; want %+v, %v", receipt, err, want, c.want)
			}
		})
	}
}

// A service key that is not taken is no outage, and says what to look at.
func TestS35ServiceKeyThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		says   []string
	}{
		{"S35 a wrong key, or one of another app", 401, `{"statusCode":401,"code":"UNAUTHORIZED","message":"Invalid service key"}`,
			[]string{"MANA_SERVICE_KEY", `AppID (APP_ID) is "chat"`}},
		{"S35 the same of the standalone service", 401, `{"statusCode":401,"message":"Unauthorized"}`,
			[]string{"MANA_SERVICE_KEY", `AppID (APP_ID) is "chat"`}},
		{"S35 an operation that the key does not allow", 403, `{"statusCode":403,"code":"FORBIDDEN","message":"no"}`,
			[]string{"MANA_SERVICE_KEY", `AppID (APP_ID) is "chat"`, "POST /reserve", "service-keys create"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"})
			if r.fails(err, credits.ErrForbidden); errors.Is(err, credits.ErrUnavailable) {
				t.Errorf("%v is an outage", err)
			}
			for _, word := range c.says {
				if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), authtest.ServiceKey) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
			if n := r.CreditRequests(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	t.Run("S35 a route that is not there", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *credits.Config) { c.Prefix = "/api/v2/credits" })
		_, err := r.ledger.Balance(t.Context(), ada)
		r.fails(err, credits.ErrNotFound)
		for _, word := range []string{"MANA_CREDITS_URL", r.URL(), "/api/v2/credits", "GET /balance"} {
			if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), ada) {
				t.Errorf("%v does not say %q", err, word)
			}
		}
	})
}

// What answers in the ledger's place is no verdict, and says where to look.
func TestS35AnotherServerAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		says   []string
	}{
		{"S35 a page that is not there", 404, "<html>", []string{"status 404", "MANA_CREDITS_URL", "Prefix", credits.InternalPrefix}},
		{"S35 a gateway that wants a login", 401, "<html>", []string{"status 401", "MANA_CREDITS_URL"}},
		{"S35 another service's JSON", 405, `{"detail":"Method Not Allowed"}`, []string{"status 405", "MANA_CREDITS_URL"}},
		{"S35 a page", 200, "<html>", []string{"not one to the question", "MANA_CREDITS_URL"}},
		{"S35 a redirection", 308, "", []string{"status 308", "redirect", "MANA_CREDITS_URL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example/secret")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := r.ledger.Balance(t.Context(), ada)
			r.fails(err, credits.ErrUnavailable)
			for _, word := range append(c.says, r.URL()) {
				if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v does not say %q", err, word)
				}
			}
		})
	}
	t.Run("S35 a server that is ill says nothing of the URL", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, nil)
		r.Down()
		if _, err := r.ledger.Balance(t.Context(), ada); err == nil || strings.Contains(err.Error(), "MANA_") {
			t.Error(err)
		}
	})
}

// The standalone service makes an account at the first look at its balance, and
// knows no user before that.
func TestAccountIsOpenedByItsBalance(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	opened := false
	var asked []string
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, strings.TrimPrefix(req.URL.Path, credits.InternalPrefix))
		switch {
		case req.Method == http.MethodGet:
			opened = true
			wire.Reply(w, req, 200, map[string]any{"balance": 0, "totalEarned": 0, "totalSpent": 0})
		case !opened:
			wire.Reply(w, req, 404, map[string]any{"statusCode": 404, "message": "User balance not found"})
		default:
			wire.Reply(w, req, 402, map[string]any{"statusCode": 402, "message": "m", "details": map[string]any{"required": 1, "available": 0}})
		}
	})
	_, err := r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"})
	r.fails(err, credits.ErrInsufficient)
	opened = false
	_, err = r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op"})
	r.fails(err, credits.ErrInsufficient)
	want := []string{"/reserve", "/balance/ada", "/reserve", "/use", "/balance/ada", "/use"}
	if strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked for %q", asked)
	}
	// A user whom our server does not know stays unknown.
	n := 0
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		n++
		wire.Reply(w, req, 404, map[string]any{"statusCode": 404, "code": wire.NotFound})
	})
	_, err = r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"})
	if r.fails(err, credits.ErrNotFound); n != 2 {
		t.Errorf("%d requests", n)
	}
}
