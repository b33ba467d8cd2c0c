package credits_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
)

// Flaw 1 and 5: without a key nothing is made up; there is no client.
func TestFlaw01NoServiceKeyNoClient(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]credits.Config{
		"nothing": {},
		"no key":  {AppID: "chat"},
		"no app":  {ServiceKey: "k"},
	} {
		if ledger, err := credits.New(config); !errors.Is(err, credits.ErrNotConfigured) || ledger != nil {
			t.Errorf("%s: %v, want ErrNotConfigured", name, err)
		}
	}
}

// every runs each method once, and returns their errors by name.
func (r *rig) every(ledger *credits.Client) map[string]error {
	ctx := r.t.Context()
	errs := map[string]error{}
	b, err := ledger.Balance(ctx, ada)
	if errs["Balance"] = err; err != nil && b != (credits.Balance{}) {
		r.t.Errorf("Balance made up %+v", b)
	}
	errs["Check"] = ledger.Check(ctx, ada, 1)
	receipt, err := ledger.Consume(ctx, credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op"})
	if errs["Consume"] = err; err != nil && receipt != (credits.Receipt{}) {
		r.t.Errorf("Consume made up %+v", receipt)
	}
	receipt, err = ledger.Refund(ctx, credits.RefundParams{UserID: ada, Amount: 1, Operation: "op"})
	if errs["Refund"] = err; err != nil && receipt != (credits.Receipt{}) {
		r.t.Errorf("Refund made up %+v", receipt)
	}
	v, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op", Key: "every"}) // which is not asked for again
	if errs["Reserve"] = err; err != nil && v != (credits.Reservation{}) {
		r.t.Errorf("Reserve made up %+v", v)
	}
	id, err := ledger.Commit(ctx, credits.CommitParams{ReservationID: "r"})
	if errs["Commit"] = err; err != nil && id != "" {
		r.t.Errorf("Commit made up %q", id)
	}
	errs["Release"] = ledger.Release(ctx, "r")
	list, next, err := ledger.TransactionsPage(ctx, credits.PageParams{UserID: ada})
	if errs["Transactions"] = err; err != nil && (list != nil || next != "") {
		r.t.Errorf("Transactions made up %v, %q", list, next)
	}
	return errs
}

// Flaws 2, 4 and 6: each status has its error, with every method, and none of
// them is a balance or a yes.
func TestFlaw02StatusesAreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   wire.Code
		want   error
	}{
		{400, wire.InvalidRequest, credits.ErrInvalid},
		{400, wire.ValidationFailed, credits.ErrInvalid},
		{401, wire.Unauthorized, credits.ErrForbidden},
		{403, wire.Forbidden, credits.ErrForbidden},
		{404, wire.NotFound, credits.ErrNotFound},
		{409, wire.Conflict, credits.ErrConflict},
		{413, wire.PayloadTooLarge, credits.ErrInvalid},
		{422, wire.IdempotencyKeyReused, credits.ErrKeyReused},
		{429, wire.RateLimited, credits.ErrUnavailable},
		{500, wire.Internal, credits.ErrUnavailable},
		{503, wire.ServiceUnavailable, credits.ErrUnavailable},
		// A code that belongs to another status: it is somebody else's.
		{400, wire.InsufficientCredits, credits.ErrUnavailable},
		{409, wire.NotFound, credits.ErrUnavailable},
		{402, wire.InsufficientCredits, credits.ErrUnavailable}, // without figures
		{402, "", credits.ErrUnavailable},
		{422, "", credits.ErrUnavailable},
		{204, "", credits.ErrUnavailable},
		{302, "", credits.ErrUnavailable},
		{418, "TEAPOT", credits.ErrUnavailable},
	} {
		r := newRig(t, nil)
		r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
			wire.Reply(w, req, c.status, map[string]any{
				"statusCode": c.status, "code": c.code, "error": c.code, "message": "Insufficient credits", "balance": 1000,
			})
		})
		for method, err := range r.every(r.ledger) {
			if !errors.Is(err, c.want) {
				t.Errorf("%d %s: %s: %v, want %v", c.status, c.code, method, err, c.want)
			}
		}
	}
}

// An envelope that contradicts its own status is nobody's verdict.
func TestFlaw02StatusAndBodyAgree(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		wire.Reply(w, req, 404, map[string]any{"statusCode": 400, "code": wire.NotFound})
	})
	for method, err := range r.every(r.ledger) {
		if !errors.Is(err, credits.ErrUnavailable) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// Flaw 3: a network that fails. TestOutages has every other way.
func TestFlaw03NetworkErrorIsUnavailable(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Refuse()
	for method, err := range r.every(r.ledger) {
		if !errors.Is(err, credits.ErrUnavailable) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// Flaws 6 and 7: without a key of the caller's the client makes one, and keeps
// it while it repeats: an answer that got lost is not a second charge.
func TestFlaw07LostAnswerIsNotASecondCharge(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	losing := func() *credits.Client { return r.losing(2) }
	must[credits.Receipt](t)(losing().Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 10, Operation: "image"}))
	must[credits.Receipt](t)(losing().Refund(t.Context(), credits.RefundParams{UserID: ada, Amount: 10, Operation: "image"}))
	v := must[credits.Reservation](t)(losing().Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 20, Operation: "image"}))
	must[string](t)(losing().Commit(t.Context(), credits.CommitParams{ReservationID: v.ID}))
	if diff := cmp.Diff([]int64{150, -10, 10, -20}, r.Charges(ada)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := r.CreditRequests(); n != 4*3 {
		t.Errorf("%d requests, want three a call", n)
	}
	// Two calls without a key are two operations.
	for range 2 {
		must[credits.Receipt](t)(r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "image"}))
	}
	r.has(128, 0)
}

// losing is a client whose first n requests are carried out and get no answer.
func (r *rig) losing(n int64) *credits.Client {
	var left atomic.Int64
	left.Store(n)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if left.Add(-1) >= 0 {
			r.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}
		r.ServeHTTP(w, req)
	}))
	r.t.Cleanup(between.Close)
	return r.newClient(func(c *credits.Config) { c.URL = between.URL })
}

// Flaw 9: a user's id can't lead to another path.
func TestFlaw09UserIDStaysInItsPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var paths []string
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		paths = append(paths, req.URL.EscapedPath())
		wire.Reply(w, req, 200, map[string]any{"balance": 1, "totalEarned": 1, "totalSpent": 0})
	})
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a b", "a\x00", "a\n", "\xff", strings.Repeat("a", 256)} {
		_, balance := r.ledger.Balance(t.Context(), id)
		_, consume := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: id, Amount: 1, Operation: "op"})
		_, reserve := r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: id, Amount: 1, Operation: "op"})
		_, _, history := r.ledger.TransactionsPage(t.Context(), credits.PageParams{UserID: id})
		for _, err := range []error{balance, consume, reserve, history} {
			r.fails(err, credits.ErrInvalid)
		}
	}
	if paths != nil {
		t.Errorf("sent to %q", paths)
	}
	for _, id := range []string{"a?b=c#d", "%2e%2e", "ü:@"} {
		must[credits.Balance](t)(r.ledger.Balance(t.Context(), id))
	}
	prefix := credits.InternalPrefix + "/balance/"
	if diff := cmp.Diff([]string{prefix + "a%3Fb=c%23d", prefix + "%252e%252e", prefix + "%C3%BC:@"}, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Amounts that are none never leave the client.
func TestAmounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, amount := range []int64{0, -1, credits.MaxAmount + 1, -1 << 63} {
		_, consume := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: amount, Operation: "op"})
		_, refund := r.ledger.Refund(t.Context(), credits.RefundParams{UserID: ada, Amount: amount, Operation: "op"})
		_, reserve := r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: amount, Operation: "op"})
		for _, err := range []error{consume, refund, reserve, r.ledger.Check(t.Context(), ada, amount)} {
			r.fails(err, credits.ErrInvalid)
		}
		if amount != 0 { // 0 takes all
			_, err := r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: "r", Amount: amount})
			r.fails(err, credits.ErrInvalid)
		}
	}
	_, err := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op", Metadata: map[string]any{"x": strings.Repeat("x", 1<<20)}})
	r.fails(err, credits.ErrInvalid)
	_, err = r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op", Key: "a b"})
	r.fails(err, credits.ErrInvalid)
	_, err = r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op", For: 1})
	r.fails(err, credits.ErrInvalid)
	if n := r.CreditRequests(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// Flaw 10: what is reserved can't be spent by somebody else meanwhile.
func TestFlaw10ReservedIsOutOfReach(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	v := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 150, Operation: "work"}))
	_, err := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "other"})
	r.fails(err, credits.ErrInsufficient)
	r.fails(r.ledger.Check(t.Context(), ada, 1), credits.ErrInsufficient)
	must[string](t)(r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: v.ID}))
	r.has(0, 0)
}

// Flaw 11: an answer of success has to be one, about what was asked.
func TestFlaw11AnswersAreHeldToTheQuestion(t *testing.T) {
	t.Parallel()
	const (
		balance = `{"balance":3,"freeCreditsRemaining":2,"totalEarned":3,"totalSpent":4,"dailyFreeCredits":5}`
		use     = `{"success":true,"transaction":{"id":"t","userId":"ada","amount":-1,"appId":"chat","balanceBefore":3,"balanceAfter":2},"newBalance":{"balance":1,"freeCreditsRemaining":1}}`
		reserve = `{"reservationId":"r","balance":1,"expiresAt":"2026-01-02T03:04:05.000Z"}`
		commit  = `{"success":true,"transactionId":"t"}`
		release = `{"success":true,"balance":1}`
		history = `[{"id":"t","userId":"ada","type":"usage","amount":-1,"balanceBefore":2,"balanceAfter":1,"appId":"chat","createdAt":"2026-01-02T03:04:05.000Z"}]`
	)
	good := map[string]string{"Balance": balance, "Check": balance, "Consume": use, "Refund": strings.Replace(use, "-1", "1", 1),
		"Reserve": reserve, "Commit": commit, "Release": release, "Transactions": history}
	replace := func(method, old, text string) map[string]string {
		changed := strings.Replace(good[method], old, text, 1)
		if changed == good[method] {
			t.Fatalf("%s: nothing to replace for %s", method, old)
		}
		return map[string]string{method: changed}
	}
	cases := []map[string]string{}
	for method, body := range good {
		for _, text := range []string{``, `{}`, `[{}]`, `null`, `[null]`, `"x"`, `1000`, body + body, body[:len(body)-1], `<html>`} {
			cases = append(cases, map[string]string{method: text})
		}
	}
	cases = append(cases,
		replace("Balance", `"balance":3`, `"balance":-1`), replace("Balance", `"balance":3`, `"balance":null`),
		replace("Balance", `"balance":3`, `"balance":"1"`), replace("Balance", `"balance":3`, `"balance":0.5`),
		replace("Balance", `"balance":3`, `"balance":3e3`), replace("Balance", `"balance":3`, `"balance":9007199254740992`),
		replace("Balance", `"balance":3`, `"balance":3,"balance":1000`), replace("Balance", `"balance":3`, `"Balance":3`), replace("Balance", `"balance":3`, `"balance":1`),
		replace("Balance", `"freeCreditsRemaining":2`, `"freeCreditsRemaining":9007199254740991`),
		replace("Balance", `"totalSpent":4`, `"totalSpent":-4`), replace("Check", `"balance":3`, `"balance":-1`),
		replace("Consume", `"userId":"ada"`, `"userId":"bob"`), replace("Consume", `"appId":"chat"`, `"appId":"other"`),
		replace("Consume", `"amount":-1`, `"amount":1`), replace("Consume", `"amount":-1`, `"amount":-2`),
		replace("Consume", `"success":true`, `"success":false`), replace("Consume", `"id":"t"`, `"id":""`),
		replace("Consume", `"balanceAfter":2`, `"balanceAfter":-2`), replace("Consume", `"balance":1`, `"balance":-1`),
		replace("Consume", `"id":"t"`, `"id":"t","idempotencyKey":"another"`),
		replace("Refund", `"amount":1`, `"amount":-1`), replace("Refund", `"userId":"ada"`, `"userId":"bob"`),
		replace("Reserve", `"r"`, `""`), replace("Reserve", `"r"`, `"a/b"`), replace("Reserve", `"balance":1`, `"balance":-1`),
		replace("Reserve", `"2026-01-02T03:04:05.000Z"`, `"soon"`),
		replace("Commit", `true`, `false`), replace("Commit", `"t"`, `""`), replace("Commit", `"t"`, `null`),
		replace("Release", `true`, `false`), replace("Release", `1`, `-1`),
		replace("Transactions", `"ada"`, `"bob"`), replace("Transactions", `"amount":-1`, `"amount":0`),
		replace("Transactions", `"2026-01-02T03:04:05.000Z"`, `"then"`), replace("Transactions", `"balanceAfter":1`, `"balanceAfter":-1`),
	)
	for _, c := range cases {
		for method, body := range c {
			t.Run(method, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *credits.Config) { c.Retries = -1 })
				r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, body)
				})
				if err := r.every(r.ledger)[method]; !errors.Is(err, credits.ErrUnavailable) {
					t.Errorf("%s: error %v, want ErrUnavailable", body, err)
				}
			})
		}
	}
	for method, body := range good {
		r := newRig(t, nil)
		r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		if err := r.every(r.ledger)[method]; err != nil {
			t.Errorf("the good answer to %s: %v", method, err)
		}
	}
}

// A 402 has to be about what was asked as well.
func TestFlaw11InsufficientIsHeldToTheQuestion(t *testing.T) {
	t.Parallel()
	for _, details := range []string{
		``, `{}`, `null`, `{"requiredCredits":1}`, `{"requiredCredits":2,"availableCredits":0}`,
		`{"requiredCredits":1,"availableCredits":1}`, `{"requiredCredits":1,"availableCredits":-1}`, `{"requiredCredits":"1","availableCredits":0}`,
	} {
		r := newRig(t, nil)
		r.FaultCredits(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(402)
			if details != "" {
				details = `,"details":` + details
			}
			_, _ = io.WriteString(w, `{"statusCode":402,"code":"INSUFFICIENT_CREDITS"`+details+`}`)
			details = strings.TrimPrefix(details, `,"details":`)
		})
		for method, err := range r.every(r.ledger) {
			if !errors.Is(err, credits.ErrUnavailable) || errors.Is(err, credits.ErrInsufficient) {
				t.Errorf("%s: %s: %v, want ErrUnavailable", details, method, err)
			}
		}
	}
}

// Flaw 12: where the service key may go.
func TestFlaw12ServiceKeyNeedsTLS(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"":                                  true,
		"https://auth.example.com":          true,
		"http://localhost:3001":             true,
		"http://LOCALHOST":                  true,
		"http://127.0.0.1:3001":             true,
		"http://127.8.9.10":                 true,
		"http://[::1]:3001":                 true,
		"http://mana-core-auth:3001":        true, // named below
		"http://MANA-CORE-AUTH":             true,
		"http://auth.example.com":           false,
		"http://10.0.0.7:3001":              false,
		"http://localhost.example.com":      false,
		"http://127.0.0.1.example.com":      false,
		"http://mana-core-auth.example.com": false,
		"http://[::ffff:10.0.0.1]":          false,
		"http://0.0.0.0:3001":               false,
		"ftp://localhost":                   false,
		"http://user:secret@localhost":      false,
		"localhost:3001":                    false,
	} {
		_, err := credits.New(credits.Config{URL: url, AppID: "chat", ServiceKey: "key", PlaintextHosts: []string{"mana-core-auth"}})
		if (err == nil) != good {
			t.Errorf("%q: %v, want good: %v", url, err, good)
		}
		if err != nil && (!errors.Is(err, credits.ErrNotConfigured) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Flaw 12: a redirect is not followed, wherever it leads.
func TestFlaw12ServiceKeyFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r.FaultCredits(func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, elsewhere.URL, status) })
		for method, err := range r.every(r.ledger) {
			if !errors.Is(err, credits.ErrUnavailable) {
				t.Errorf("%d: %s: %v", status, method, err)
			}
		}
	}
}

// Flaw 13, and attack 162: neither the key nor what the ledger says gets into a
// log or an error.
func TestFlaw13NothingOfAnAnswerIsLogged(t *testing.T) {
	t.Parallel()
	const said = "WHAT-THE-LEDGER-SAID"
	var log bytes.Buffer
	for _, c := range []struct {
		status int
		body   string
	}{
		{500, said}, {200, said}, {200, `{"balance":"` + said + `"}`}, {302, said},
		{400, `{"statusCode":400,"code":"VALIDATION_FAILED","message":["` + said + `"]}`},
		{409, `{"statusCode":409,"code":"` + said + `"}`},
	} {
		r := newRig(t, func(c *credits.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			c.Breaker = client.BreakerConfig{Failures: 2}
		})
		r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Location", "/"+said+req.Header.Get(wire.ServiceKeyHeader))
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body+req.Header.Get(wire.ServiceKeyHeader))
		})
		for method, err := range r.every(r.ledger) {
			if err == nil || strings.Contains(err.Error(), said) || strings.Contains(err.Error(), r.config().ServiceKey) {
				t.Errorf("%s: error %v", method, err)
			}
		}
	}
	if log.Len() == 0 || strings.Contains(log.String(), said) || strings.Contains(log.String(), "authtest-service-key") {
		t.Errorf("log:\n%s", &log)
	}
}
