package identity

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// slowStore is held up before it rotates.
type slowStore struct {
	store.Store
	arrived chan struct{}
	pass    chan struct{}
	now     []time.Time
	expires []time.Time
}

func (s *slowStore) Rotate(_ context.Context, rotations []store.Rotation) []store.Rotated {
	s.arrived <- struct{}{}
	<-s.pass
	for _, r := range rotations {
		s.now = append(s.now, r.Now)
		s.expires = append(s.expires, r.Judge(store.Presented{Session: store.Session{CreatedAt: begin}}).ExpiresAt)
	}
	return make([]store.Rotated, len(rotations))
}

// TestRotationTime: the grace and the new life count from when a token is spent,
// however long the refresh had to wait for its turn.
func TestRotationTime(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(begin)
	slow := &slowStore{arrived: make(chan struct{}), pass: make(chan struct{})}
	s := New(Config{
		Store: slow, Clock: clock, Log: slog.New(slog.DiscardHandler),
		Lifetimes: Lifetimes{Idle: time.Hour, Absolute: 24 * time.Hour},
	})
	defer s.Close()
	ended := make(chan error)
	ask := func() {
		_, err := s.rotations.rotate(t.Context(), Origin{}, store.Rotation{})
		ended <- err
	}
	go ask()
	<-slow.arrived
	go ask()
	clock.Advance(time.Minute)
	slow.pass <- struct{}{}
	<-slow.arrived
	slow.pass <- struct{}{}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if len(slow.now) != 2 || !slow.now[0].Equal(begin) || !slow.now[1].Equal(begin.Add(time.Minute)) {
		t.Errorf("judged at %v", slow.now)
	}
	if !slow.expires[1].Equal(begin.Add(time.Minute + time.Hour)) {
		t.Errorf("lives until %v", slow.expires)
	}
}
