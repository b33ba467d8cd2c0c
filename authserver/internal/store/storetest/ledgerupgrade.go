package storetest

import (
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// KeyOfBefore checks that a user's spend that an earlier program booked under an
// idempotency key is found by it: who repeats the spend after an upgrade is
// answered with the booking of before and charged nothing. The app's own use of
// the same key is apart from it.
//
// fresh is an empty store. upgraded adds the user and the user's transactions,
// oldest first, to a database as the earlier program left it, upgrades that and
// opens it.
func KeyOfBefore(t *testing.T, fresh store.Store, upgraded func(t *testing.T, user store.User, rows [2]ledger.Transaction) store.Store) {
	t.Helper()
	earlier := openBooks(t, fresh)
	a := mustCreate(t, fresh, "zoe")
	spend := use(a.user.ID, 10, "order-2")
	spend.Source = ledger.FromUser
	first := earlier.do(spend).Transaction
	bonus := earlier.history(a.user.ID)[1]

	b := openBooks(t, upgraded(t, a.user, [2]ledger.Transaction{bonus, first}))
	for range 2 {
		if r := b.do(spend); !r.Replayed || r.Transaction.ID != first.ID {
			t.Errorf("a user's repetition: %+v", r)
		}
		b.pots(a.user.ID, 0, 140, 0)
	}
	service := use(a.user.ID, 3, "order-2")
	own := b.do(service)
	if own.Replayed {
		t.Errorf("the app is answered with the user's booking: %+v", own)
	}
	if r := b.do(service); !r.Replayed || r.Transaction.ID != own.Transaction.ID {
		t.Errorf("the app's repetition: %+v", r)
	}
	if r := b.do(spend); !r.Replayed || r.Transaction.ID != first.ID {
		t.Errorf("a user's repetition after the app's use of the key: %+v", r)
	}
	b.pots(a.user.ID, 0, 137, 0)
	b.audit(a.user.ID)
}
