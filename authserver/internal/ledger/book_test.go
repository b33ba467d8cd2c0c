package ledger

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// bookOf is a book with an account that has free credits.
func bookOf(t *testing.T, free int64, transactions ...Transaction) *Book {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ids := 0
	return NewBook(Policy{}, now, func() (string, error) {
		ids++
		return "id-" + strconv.Itoa(ids), nil
	}, Loaded{
		Accounts:     []Account{{UserID: "u", Free: free, Given: free + 10, Spent: 10, Entries: 2, Day: DayOf(now)}},
		Active:       []string{"u"},
		Transactions: transactions,
	})
}

// TestOneBatch: operations of one batch see what those before them did, with
// no help from the database's constraints.
func TestOneBatch(t *testing.T) {
	t.Parallel()
	usage := Transaction{ID: "usage", UserID: "u", Entry: 2, Type: Usage, Source: FromService, AppID: "a", Amount: -10, Free: -10}
	book := bookOf(t, 5, usage)
	refund := Op{Kind: GiveBack, Source: FromService, UserID: "u", AppID: "a", Amount: 6, TransactionID: "usage"}
	if _, err := book.Apply(refund); err != nil {
		t.Fatal(err)
	}
	if _, err := book.Apply(refund); !errors.Is(err, ErrOverRefund) {
		t.Errorf("a second refund: %v", err)
	}
	keyed := Op{Kind: Use, Source: FromService, UserID: "u", AppID: "a", Amount: 11, Key: "k"}
	if r, err := book.Apply(keyed); err != nil || r.Replayed {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := book.Apply(keyed); err != nil || !r.Replayed {
		t.Errorf("again: %+v, %v", r, err)
	}
	if _, err := book.Apply(Op{Kind: Use, Source: FromService, UserID: "u", AppID: "a", Amount: 1}); !errors.Is(err, ErrInsufficient) {
		t.Errorf("beyond the balance: %v", err)
	}
	grant := Op{Kind: Grant, Source: FromService, UserID: "u", AppID: "a", Amount: 3, Reference: "r"}
	for i := range 2 {
		if r, err := book.Apply(grant); err != nil || r.Replayed != (i == 1) {
			t.Errorf("grant %d: %+v, %v", i, r, err)
		}
	}
	held, err := book.Apply(Op{Kind: Reserve, Source: FromService, UserID: "u", AppID: "a", Amount: 3, Lifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, ErrCommitted} {
		if _, err := book.Apply(Op{Kind: Commit, Source: FromService, AppID: "a", ReservationID: held.Reservation.ID, Amount: int64(2 - i)}); !errors.Is(err, want) {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	c := book.Changes()
	if len(c.Accounts) != 1 || c.Accounts[0].Total() != 1 || len(c.Transactions) != 4 || len(c.NewReservations) != 1 || len(c.Settled) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestNoID: a book without an id for what it wrote is thrown away.
func TestNoID(t *testing.T) {
	t.Parallel()
	book := bookOf(t, 5)
	fault := errors.New("no random numbers")
	book.makeID = func() (string, error) { return "", fault }
	if _, err := book.Apply(Op{Kind: Use, Source: FromService, UserID: "u", AppID: "a", Amount: 1}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(book.Err(), fault) {
		t.Errorf("%v", book.Err())
	}
}
