package authserver

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// halting is a database that cannot be read or cannot be written.
type halting struct {
	store.Store
	noReads, noWrites bool
	held              bool // another transaction holds every row
}

var errHalting = errors.New("no answer")

func (s *halting) Revocations(context.Context, store.Mark, time.Time) (store.RevocationPage, error) {
	if s.noReads {
		return store.RevocationPage{}, errHalting
	}
	return store.RevocationPage{}, nil
}

func (s *halting) Ready(context.Context) error {
	if s.noWrites {
		return errHalting
	}
	return nil
}

func (s *halting) Rotate(_ context.Context, rotations []store.Rotation) []store.Rotated {
	all := make([]store.Rotated, len(rotations))
	for i := range all {
		switch {
		case s.noWrites:
			all[i].Err = errHalting
		case s.held:
			all[i].Err = groupcommit.ErrHeld
		}
	}
	return all
}

// TestV7WhatIsAnOutage: the database is lost from the first read or refresh that
// fails until it takes writes, and one that is lost again within the grace was
// never back.
func TestV7WhatIsAnOutage(t *testing.T) {
	t.Parallel()
	const grace = 30 * time.Second
	newOutages := func() (*outages, *halting, *clocktest.Clock) {
		db, now := &halting{}, clocktest.New(begin)
		return &outages{Store: db, clock: now, grace: grace}, db, now
	}
	poll := func(o *outages) {
		_, _ = o.Revocations(t.Context(), store.Mark{}, time.Time{})
		_ = o.lookForReturn(t.Context())
	}
	refresh := func(o *outages) { o.Rotate(t.Context(), make([]store.Rotation, 2)) }
	is := func(o *outages, lost, back time.Duration) {
		t.Helper()
		want := identity.Outage{Lost: begin.Add(lost)}
		if back != 0 {
			want.Back = begin.Add(back)
		}
		if diff := cmp.Diff(want, o.Last()); diff != "" {
			t.Errorf("outage (-want +got):\n%s", diff)
		}
	}
	never := func(o *outages) {
		t.Helper()
		if last := o.Last(); last != (identity.Outage{}) {
			t.Errorf("outage %+v", last)
		}
	}

	o, db, now := newOutages()
	db.noReads, db.noWrites = true, true
	refresh(o)
	poll(o)
	db.noReads, db.noWrites = false, false
	poll(o)
	never(o) // a start is no return

	db.held = true // by a refresh of the same token on another server
	refresh(o)
	never(o)
	db.held = false

	now.Advance(time.Second)
	db.noWrites = true // as behind a synchronous standby that hangs
	poll(o)
	never(o)
	refresh(o)
	now.Advance(35 * time.Second)
	poll(o)
	is(o, time.Second, 0)
	db.noWrites = false
	poll(o)
	is(o, time.Second, 36*time.Second)

	now.Advance(grace)
	db.noReads = true
	poll(o)
	is(o, time.Second, 0) // again within the grace
	now.Advance(time.Second)
	db.noReads = false
	refresh(o)
	is(o, time.Second, 67*time.Second)

	now.Advance(grace + 1)
	poll(o)
	now.Advance(time.Second)
	db.noReads = true
	poll(o)
	is(o, 97*time.Second+1, 0) // since it was last reached
	now.Advance(time.Second)
	_ = o.lookForReturn(t.Context())
	is(o, 97*time.Second+1, 0) // it cannot be read yet
}
