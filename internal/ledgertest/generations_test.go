package ledgertest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/credits"
)

// generation turns the errors of a ledger into those of another generation.
type generation struct {
	http.RoundTripper
	rewrite func(status int, body map[string]any)
}

func (g generation) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.UnmarshalRead(resp.Body, &body); err != nil {
		return nil, err
	}
	g.rewrite(resp.StatusCode, body)
	doc, err := json.Marshal(body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
	return resp, err
}

// newerErrors are those of 2026: error has the code and status the status, or,
// where credits are too few, there is no code and the details have other names.
func newerErrors(status int, body map[string]any) {
	delete(body, "code")
	delete(body, "timestamp")
	delete(body, "path")
	if details, ok := body["details"].(map[string]any); ok && status == http.StatusPaymentRequired {
		delete(body, "error")
		body["details"] = map[string]any{"required": details["requiredCredits"], "available": details["availableCredits"]}
		return
	}
	delete(body, "statusCode")
	body["status"] = status
}

// olderPair are the details of a 402 that serves the older generation alone.
func olderPair(status int, body map[string]any) {
	if details, ok := body["details"].(map[string]any); ok && status == http.StatusPaymentRequired {
		delete(details, "required")
		delete(details, "available")
	}
}

func nothing(int, map[string]any) {}

// newerPlace is authtest as a server of 2026.
func newerPlace(t *testing.T) place {
	t.Helper()
	return placeOf(t, authtest.WithGeneration2026())
}

// The same sequence has the same results whichever generation's errors a ledger has.
func TestGenerationsAgree(t *testing.T) {
	t.Parallel()
	want := results(t, fakePlace(t))
	for name, c := range map[string]struct {
		place   func(*testing.T) place
		rewrite func(status int, body map[string]any)
	}{
		"authtest, 2026":         {newerPlace, nothing},
		"authtest, no codes":     {fakePlace, newerErrors},
		"authtest, older pair":   {fakePlace, olderPair},
		"authserver, no codes":   {realPlace, newerErrors},
		"authserver, older pair": {realPlace, olderPair},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.place(t)
			p.ledger = newClient(t, p.url, &http.Client{Transport: generation{p.http.Transport, c.rewrite}})
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(results(t, p), "\n")); diff != "" {
				t.Errorf("(-2025 +%s):\n%s", name, diff)
			}
		})
	}
}

// A 402 of either ledger has its figures under the names of both generations.
func TestBothPairsOfNames(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) place{"authtest": fakePlace, "authserver": realPlace} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			var details map[string]any
			keep := func(_ int, body map[string]any) { details, _ = body["details"].(map[string]any) }
			ledger := newClient(t, p.url, &http.Client{Transport: generation{p.http.Transport, keep}})
			_, err := ledger.Consume(t.Context(), credits.ConsumeParams{UserID: p.userID, Amount: 151, Operation: "op"})
			want := map[string]any{
				"requiredCredits": 151.0, "availableCredits": 150.0, "required": 151.0, "available": 150.0,
				"creditType": "user", "operation": "op",
			}
			if diff := cmp.Diff(want, details); diff != "" || !errors.Is(err, credits.ErrInsufficient) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Below the internal prefix a ledger's balance is all that may be spent, free
// credits included, and below the older one it is not. The client says the same
// of both.
func TestBalanceBelowEitherPrefix(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) place{"authtest": fakePlace, "authserver": realPlace} {
		for _, prefix := range []string{"", credits.InternalPrefix, credits.InternalPrefix + "/", credits.LegacyPrefix} {
			t.Run(name+" "+prefix, func(t *testing.T) {
				t.Parallel()
				p := open(t)
				ledger, err := credits.New(credits.Config{
					URL: p.url, Prefix: prefix, AppID: "chat", ServiceKey: authtest.ServiceKey, HTTPClient: p.http,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer ledger.Close()
				_, err = ledger.Consume(t.Context(), credits.ConsumeParams{UserID: p.userID, Amount: 30, Operation: "op"})
				if err != nil {
					t.Fatal(err)
				}
				b, err := ledger.Balance(t.Context(), p.userID)
				if b.Paid != 0 || b.Free != 120 || b.Available() != 120 || err != nil {
					t.Errorf("%+v, %v; want 120 free", b, err)
				}
				if err := ledger.Check(t.Context(), p.userID, 121); !errors.Is(err, credits.ErrInsufficient) {
					t.Errorf("121 credits: %v, want %v", err, credits.ErrInsufficient)
				}
			})
		}
	}
}

// The standalone service of 2026 has no free credits, no keys but for a use, no
// end and no part of a reservation, and accounts that begin with their balance.
func TestStandaloneService(t *testing.T) {
	t.Parallel()
	service := newStandalone(t)
	ledger := newClient(t, service.URL, service.Client())
	ctx := t.Context()
	check := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	fails := func(what string, err error, want string) {
		t.Helper()
		if kind := kindOf(err); kind != want {
			t.Errorf("%s: %v is %s, want %s", what, err, kind, want)
		}
	}
	_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: "ada", Amount: 1, Operation: "op"})
	fails("reserve of a user without an account", err, "insufficient")
	service.grant("ada", 100)

	use := credits.ConsumeParams{UserID: "ada", Amount: 30, Operation: "op", Key: "a"}
	first, err := ledger.Consume(ctx, use)
	check("use", credits.Receipt{TransactionID: first.TransactionID, Paid: 70}, first)
	fails("use", err, "")
	again, err := ledger.Consume(ctx, use)
	check("use again", credits.Receipt{TransactionID: first.TransactionID, Paid: 70, Replayed: true}, again)
	fails("use again", err, "")
	use.Amount = 31
	_, err = ledger.Consume(ctx, use)
	fails("use of another amount", err, "key reused")
	_, err = ledger.Consume(ctx, credits.ConsumeParams{UserID: "ada", Amount: 71, Operation: "op"})
	fails("use of too much", err, "insufficient")
	back, err := ledger.Refund(ctx, credits.RefundParams{UserID: "ada", Amount: 10, Operation: "op"})
	check("refund", back.Paid, int64(80))
	fails("refund", err, "")

	v, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: "ada", Amount: 50, Operation: "op"})
	check("reserve", v, credits.Reservation{ID: v.ID, Amount: 50, Available: 30})
	fails("reserve", err, "")
	_, err = ledger.Reserve(ctx, credits.ReserveParams{UserID: "ada", Amount: 31, Operation: "op"})
	fails("reserve too much", err, "insufficient")
	id, err := ledger.Commit(ctx, credits.CommitParams{ReservationID: v.ID, Operation: "op"})
	check("commit", id != "", true)
	fails("commit", err, "")
	fails("release of the committed", ledger.Release(ctx, v.ID), "conflict")
	_, err = ledger.Commit(ctx, credits.CommitParams{ReservationID: v.ID})
	fails("commit again", err, "conflict")
	w, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: "ada", Amount: 20, Operation: "op"})
	fails("reserve", err, "")
	fails("release", ledger.Release(ctx, w.ID), "")
	_, err = ledger.Commit(ctx, credits.CommitParams{ReservationID: "00000000-0000-8000-8000-ffffffffffff"})
	fails("commit nothing known", err, "not found")
	for _, err := range ledger.Transactions(ctx, "ada") {
		fails("transactions", err, "not found")
	}
	balance, err := ledger.Balance(ctx, "ada")
	check("balance", balance, credits.Balance{Paid: 30, Earned: 110, Spent: 80})
	fails("balance", err, "")

	service.key = "another"
	_, err = ledger.Balance(ctx, "ada")
	fails("with a key that is not taken", err, "forbidden")
}
