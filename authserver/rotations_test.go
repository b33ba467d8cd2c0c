package authserver

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// slowSessions are held up before they rotate.
type slowSessions struct {
	store.Sessions
	arrived chan struct{}
	pass    chan struct{}
	now     []time.Time
}

func (s *slowSessions) Rotate(_ context.Context, rotations []store.Rotation) []store.Rotated {
	s.arrived <- struct{}{}
	<-s.pass
	for _, r := range rotations {
		s.now = append(s.now, r.Now)
	}
	return make([]store.Rotated, len(rotations))
}

// TestRotationTime: the grace counts from when a token is spent, however long
// the refresh had to wait for its turn.
func TestRotationTime(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(begin)
	slow := &slowSessions{arrived: make(chan struct{}), pass: make(chan struct{})}
	r := newRotations(rotationsConfig{sessions: slow, clock: clock, log: slog.New(slog.DiscardHandler), lanes: 1})
	defer r.group.Close()
	ended := make(chan error)
	ask := func() {
		_, err := r.rotate(t.Context(), store.Rotation{})
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
}
