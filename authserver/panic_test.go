package authserver

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// panicking is a database of which each call that is armed panics once.
type panicking struct {
	store.Store
	rotate, execute, revocations, keys atomic.Bool
}

func (s *panicking) panicOnce(armed *atomic.Bool) {
	if armed.CompareAndSwap(true, false) {
		panic("out of order")
	}
}

func (s *panicking) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	s.panicOnce(&s.rotate)
	return s.Store.Rotate(ctx, rotations)
}

func (s *panicking) Revocations(ctx context.Context, since store.Mark, from time.Time) (store.RevocationPage, error) {
	s.panicOnce(&s.revocations)
	return s.Store.Revocations(ctx, since, from)
}

func (s *panicking) SigningKeys(ctx context.Context) ([]store.Key, error) {
	s.panicOnce(&s.keys)
	return s.Store.SigningKeys(ctx)
}

func (s *panicking) Ledger() ledger.Store { return panickingLedger{s.Store.Ledger(), s} }

type panickingLedger struct {
	ledger.Store
	of *panicking
}

func (s panickingLedger) Execute(ctx context.Context, need ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	return s.Store.Execute(ctx, need, func(loaded ledger.Loaded) ledger.Changes {
		s.of.panicOnce(&s.of.execute)
		return decide(loaded)
	})
}

// O21: a panic in a batch or in a worker leaves the server alive. The calls of
// the batch are answered with 503, the log has one error with the stack, and
// what comes next is done as ever.
func TestO21PanicOutsideRequests(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen := config(t)
			panicsOutsideRequests(t, func(c *Config) {
				c.Database.URL, c.Keys.EncryptionKey = chosen.Database.URL, chosen.Keys.EncryptionKey
			})
		})
	}
}

func panicsOutsideRequests(t *testing.T, change func(*Config)) {
	db := &panicking{}
	h := serverOver(t, func(s store.Store) store.Store { db.Store = s; return db }, change)
	h.register("ann")
	tokens := h.login("ann")
	h.valid(tokens.AccessToken, "") // what is cached is kept true by polls
	use := func() answer {
		body := object{"amount": 1, "appId": "chat", "description": "words"}
		return h.post(wire.CreditsPath+"/use", body, as(tokens.AccessToken)...)
	}
	for name, test := range map[string]struct {
		armed *atomic.Bool
		call  func() answer // nil: a worker panics
	}{
		"refresh":     {&db.rotate, func() answer { return h.refresh(tokens.RefreshToken) }},
		"credits":     {&db.execute, use},
		"revocations": {&db.revocations, nil},
		"keys":        {&db.keys, nil},
	} {
		panics := strings.Count(h.log.String(), " panic=")
		test.armed.Store(true)
		if test.call == nil {
			h.clock.Advance(keys.PollInterval)
		} else if a := test.call(); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d, want 503: %s", name, a.status, a.body)
		}
		if n := strings.Count(h.log.String(), " panic=") - panics; test.armed.Load() || n != 1 {
			t.Errorf("%s: %d panics in the log, want 1 (still armed: %v)", name, n, test.armed.Load())
		}
		h.clock.Advance(keys.PollInterval)
		if a := use(); a.status != http.StatusCreated {
			t.Errorf("after %s: status %d of a spend: %s", name, a.status, a.body)
		}
		tokens = h.refreshed(tokens.RefreshToken)
		h.valid(tokens.AccessToken, "")
	}
}
