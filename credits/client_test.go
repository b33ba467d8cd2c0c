package credits_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestConsumeAndRefund(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Grant(ada, 100)
	receipt := must[credits.Receipt](t)(r.ledger.Consume(t.Context(), credits.ConsumeParams{
		UserID: ada, Amount: 200, Operation: "image", Metadata: map[string]any{"size": 512},
	}))
	if want := (credits.Receipt{TransactionID: receipt.TransactionID, Paid: 50}); receipt != want {
		t.Errorf("receipt %+v, want %+v: free credits go first", receipt, want)
	}
	back := must[credits.Receipt](t)(r.ledger.Refund(t.Context(), credits.RefundParams{
		UserID: ada, Amount: 60, Operation: "half of it was black", TransactionID: receipt.TransactionID,
	}))
	if back.Paid != 100 || back.Free != 10 {
		t.Errorf("receipt %+v, want 100 paid and 10 free", back)
	}
	_, err := r.ledger.Refund(t.Context(), credits.RefundParams{UserID: ada, Amount: 141, Operation: "more", TransactionID: receipt.TransactionID})
	r.fails(err, credits.ErrConflict)
	_, err = r.ledger.Refund(t.Context(), credits.RefundParams{UserID: ada, Amount: 1, Operation: "what", TransactionID: "00000000-0000-8000-8000-ffffffffffff"})
	r.fails(err, credits.ErrNotFound)
	if diff := cmp.Diff([]int64{150, 100, -200, 60}, r.Charges(ada)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

func TestBalanceAndCheck(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Grant(ada, 7)
	b := must[credits.Balance](t)(r.ledger.Balance(t.Context(), ada))
	if want := (credits.Balance{Paid: 7, Free: authtest.SignupBonus, Earned: 7}); b != want {
		t.Errorf("balance %+v, want %+v", b, want)
	}
	if err := r.ledger.Check(t.Context(), ada, b.Available()); err != nil {
		t.Error(err)
	}
	err := r.ledger.Check(t.Context(), ada, b.Available()+1)
	var short *credits.InsufficientError
	if !errors.As(err, &short) || !errors.Is(err, credits.ErrInsufficient) || short.Required != 158 || short.Available != 157 {
		t.Errorf("error %v, want 158 required and 157 available", err)
	}
}

func TestInsufficient(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	_, consumed := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 151, Operation: "image"})
	_, reserved := r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 151, Operation: "image"})
	for _, err := range []error{consumed, reserved} {
		var short *credits.InsufficientError
		if !errors.As(err, &short) || *short != (credits.InsufficientError{Required: 151, Available: 150, Operation: "image"}) {
			t.Errorf("error %#v, want the figures", err)
		}
	}
	r.has(150, 0)
}

func TestReservation(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	hold := credits.ReserveParams{UserID: ada, Amount: 100, Operation: "video", For: time.Minute}
	first := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), hold))
	if want := (credits.Reservation{ID: first.ID, Amount: 100, Available: 50, ExpiresAt: epoch.Add(time.Minute)}); first != want {
		t.Errorf("reservation %+v, want %+v", first, want)
	}
	r.has(50, 100)
	id := must[string](t)(r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: first.ID, Amount: 30}))
	if again := must[string](t)(r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: first.ID, Amount: 30})); again != id {
		t.Errorf("a second commit is another transaction: %s, %s", id, again)
	}
	_, err := r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: first.ID})
	r.fails(err, credits.ErrConflict)
	r.fails(r.ledger.Release(t.Context(), first.ID), credits.ErrConflict)
	r.has(120, 0)

	second := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), hold))
	for range 2 {
		if err := r.ledger.Release(t.Context(), second.ID); err != nil {
			t.Error(err)
		}
	}
	third := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), hold))
	r.clock.Advance(time.Minute)
	_, err = r.ledger.Commit(t.Context(), credits.CommitParams{ReservationID: third.ID})
	r.fails(err, credits.ErrConflict)
	if err := r.ledger.Release(t.Context(), third.ID); err != nil {
		t.Error(err)
	}
	r.fails(r.ledger.Release(t.Context(), "00000000-0000-8000-8000-ffffffffffff"), credits.ErrNotFound)
	r.has(120, 0)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	spend := credits.ConsumeParams{UserID: ada, Amount: 10, Operation: "image", Key: "order-7"}
	first := must[credits.Receipt](t)(r.ledger.Consume(t.Context(), spend))
	again := must[credits.Receipt](t)(r.ledger.Consume(t.Context(), spend))
	if again.TransactionID != first.TransactionID || !again.Replayed || first.Replayed {
		t.Errorf("%+v and then %+v, want the same transaction, replayed", first, again)
	}
	spend.Amount = 11
	_, err := r.ledger.Consume(t.Context(), spend)
	r.fails(err, credits.ErrKeyReused)
	r.fails(err, credits.ErrConflict)
	spend.UserID = "somebody-else" // whose key it is not
	must[credits.Receipt](t)(r.ledger.Consume(t.Context(), spend))
	r.has(140, 0)
}

func TestParallelRetriesChargeOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 10, Operation: "image", Key: "k"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r.has(140, 0)
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for n := range 5 {
		must[credits.Receipt](t)(r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: int64(n + 1), Operation: "image", Key: "key" + string(rune('a'+n))}))
	}
	var amounts []int64
	page := credits.PageParams{UserID: ada, Limit: 2}
	for {
		list, next, err := r.ledger.TransactionsPage(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range list {
			amounts = append(amounts, row.Amount)
			if !row.CreatedAt.Equal(epoch) || row.Source != "service" || row.BalanceAfter != row.BalanceBefore+row.Amount {
				t.Errorf("row %+v", row)
			}
		}
		if next == "" {
			break
		}
		page.Cursor = next
	}
	if diff := cmp.Diff([]int64{-5, -4, -3, -2, -1}, amounts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, _, err := r.ledger.TransactionsPage(t.Context(), credits.PageParams{UserID: ada, Cursor: "77"})
	r.fails(err, credits.ErrInvalid)
	for _, p := range []credits.PageParams{{Limit: -1}, {Limit: 201}, {Cursor: "a b"}, {Cursor: strings.Repeat("x", 256)}} {
		before := r.CreditRequests()
		p.UserID = ada
		_, _, err := r.ledger.TransactionsPage(t.Context(), p)
		if r.fails(err, credits.ErrInvalid); r.CreditRequests() != before {
			t.Errorf("%+v was sent", p)
		}
	}
}

// The iterator asks for a page when it needs one, ends with an error, and does
// not go round.
func TestTransactionsOneByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const n = 450 // three pages
	for i := range n {
		must[credits.Receipt](t)(r.ledger.Consume(t.Context(), credits.ConsumeParams{
			UserID: "bob", Amount: 1, Operation: "image", Metadata: map[string]any{"n": i},
		}))
		if i == 0 {
			r.Grant("bob", n)
		}
	}
	before := r.CreditRequests()
	next := n - 1
	for row, err := range r.ledger.Transactions(t.Context(), "bob") {
		if err != nil {
			t.Fatal(err)
		}
		if string(row.Metadata) != fmt.Sprintf(`{"n":%d}`, next) {
			t.Fatalf("metadata %s, want n = %d", row.Metadata, next)
		}
		if asked, want := r.CreditRequests()-before, (n-1-next)/200+1; asked > want+1 {
			t.Fatalf("%d pages asked for at transaction %d", asked, n-next)
		}
		next--
	}
	if next != -1 || r.CreditRequests()-before != 3 {
		t.Errorf("%d left out, %d pages", next+1, r.CreditRequests()-before)
	}
	for range r.ledger.Transactions(t.Context(), "bob") {
		break
	}
	if r.CreditRequests()-before != 4 {
		t.Error("a loop that ends asks for more")
	}
	failures := 0
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("cursor") != "" {
			w.WriteHeader(500)
			return
		}
		r.ServeCredits(w, req)
	})
	rows := 0
	for row, err := range r.ledger.Transactions(t.Context(), "bob") {
		if err == nil {
			rows++
			continue
		}
		failures++
		r.fails(err, credits.ErrUnavailable)
		if row.ID != "" {
			t.Errorf("made up %+v", row)
		}
	}
	if rows == 0 || failures != 1 {
		t.Errorf("%d rows and %d errors", rows, failures)
	}
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set(wire.NextCursorHeader, "round")
		wire.Reply(w, req, 200, []int{})
	})
	for _, err := range r.ledger.Transactions(t.Context(), "bob") {
		r.fails(err, credits.ErrUnavailable)
	}
	for _, err := range r.ledger.Transactions(t.Context(), "..") {
		r.fails(err, credits.ErrInvalid)
	}
}

// The constants of the API are those of the contract.
func TestConstants(t *testing.T) {
	t.Parallel()
	if credits.MaxAmount != wire.MaxCredits || credits.InternalPrefix != wire.InternalCreditsPath || credits.LegacyPrefix != wire.CreditsPath {
		t.Error("a constant is not the contract's")
	}
}

// Errors of one name are one value.
func TestErrorsOfClient(t *testing.T) {
	t.Parallel()
	if credits.ErrUnavailable != client.ErrUnavailable || credits.ErrForbidden != client.ErrForbidden {
		t.Error("credits and client have errors of one name that are two values")
	}
}

// Both generations of services find their routes.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, prefix := range []string{"", credits.InternalPrefix, credits.LegacyPrefix, credits.LegacyPrefix + "/"} {
		ledger := r.newClient(func(c *credits.Config) { c.Prefix = prefix })
		if _, err := ledger.Balance(t.Context(), ada); err != nil {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
}

// The standalone service answers with less: no free credits, no end of a
// reservation.
func TestStandaloneService(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/reserve"):
			wire.Reply(w, req, 200, map[string]any{"reservationId": "r1", "balance": 5})
		default:
			wire.Reply(w, req, 200, map[string]any{"balance": 5, "totalEarned": 9, "totalSpent": 4, "more": nil})
		}
	})
	if b := must[credits.Balance](t)(r.ledger.Balance(t.Context(), ada)); b.Available() != 5 {
		t.Errorf("balance %+v", b)
	}
	v := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 3, Operation: "x"}))
	if v.ID != "r1" || !v.ExpiresAt.IsZero() {
		t.Errorf("reservation %+v", v)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	arrived := make(chan struct{})
	r.FaultCredits(func(_ http.ResponseWriter, req *http.Request) {
		close(arrived)
		<-req.Context().Done()
	})
	failed := make(chan error)
	go func() {
		_, err := r.ledger.Balance(t.Context(), ada)
		failed <- err
	}()
	<-arrived
	r.ledger.Close()
	r.fails(<-failed, credits.ErrUnavailable)
	_, err := r.ledger.Balance(t.Context(), ada)
	r.fails(err, credits.ErrUnavailable)
}
