package storetest

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func statistics(t *testing.T, s store.Store) {
	ann := mustCreate(t, s, "ann")
	mustLogin(t, s, ann.user.ID, "second")
	mustLogin(t, s, ann.user.ID, "third")
	count := func(now time.Time, want int64) {
		t.Helper()
		if got, err := s.CountLiveSessions(t.Context(), now); err != nil || got != want {
			t.Errorf("%d live sessions, %v, want %d", got, err, want)
		}
	}
	count(start, 3)
	mustEnd(t, s, store.Ending{At: start, SessionID: "second"})
	count(start, 2)
	count(ann.session.ExpiresAt.Add(-time.Millisecond), 2)
	count(ann.session.ExpiresAt, 0)
}
