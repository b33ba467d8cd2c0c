package authserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// returnInterval is how often a server that has lost its database tries to write
// to it.
const returnInterval = time.Second

// outages is a store that keeps in mind when it was away: when the revocations
// could not be read or refreshes could not be written. A database may answer
// every read and no write, such as one whose synchronous standby hangs.
type outages struct {
	store.Store
	clock Clock
	grace time.Duration // for which a refresh token that was spent yields its successor

	lock    sync.Mutex
	reached time.Time // when the database last answered; zero before the first answer
	reads   bool      // whether the revocations could be read the last time
	last    identity.Outage
}

// Revocations implements store.Revocations.
func (o *outages) Revocations(ctx context.Context, since store.Mark, from time.Time) (store.RevocationPage, error) {
	page, err := o.Store.Revocations(ctx, since, from)
	o.lock.Lock()
	defer o.lock.Unlock()
	o.reads = err == nil
	if err == nil {
		o.reached = o.clock.Now()
	} else if ctx.Err() == nil {
		o.lost(o.reached)
	}
	return page, err
}

// Rotate implements store.Sessions. What it could not write may have been written
// all the same, so that the database is lost from when it was asked.
func (o *outages) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	asked := o.clock.Now()
	all := o.Store.Rotate(ctx, rotations)
	failed := 0
	for _, out := range all {
		// A row that somebody holds, or that the database does not take, is the
		// answer of a database that is there.
		if out.Err != nil && !errors.Is(out.Err, groupcommit.ErrRejected) {
			failed++
		}
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	switch {
	case failed < len(all):
		o.back()
	case failed > 0 && ctx.Err() == nil:
		o.lost(asked)
	}
	return all
}

// lookForReturn tries to write where the database is lost and can be read.
func (o *outages) lookForReturn(ctx context.Context) error {
	o.lock.Lock()
	look := o.away() && o.reads
	o.lock.Unlock()
	if !look {
		return nil
	}
	if err := o.Ready(ctx); err != nil {
		return err
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	o.back()
	return nil
}

// lost begins an outage, with o.lock held, where none is under way. A database
// that comes back and is lost again within the grace was away all the while: a
// client may not have asked in between. A server that never reached its database
// has not lost it.
func (o *outages) lost(at time.Time) {
	switch {
	case o.reached.IsZero() || o.away():
	case !o.last.Lost.IsZero() && o.clock.Now().Sub(o.last.Back) <= o.grace:
		o.last.Back = time.Time{}
	default:
		o.last = identity.Outage{Lost: at}
	}
}

// back ends the outage that is under way, with o.lock held.
func (o *outages) back() {
	if o.away() {
		o.last.Back = o.clock.Now()
	}
}

func (o *outages) away() bool { return !o.last.Lost.IsZero() && o.last.Back.IsZero() }

// Last is the last outage.
func (o *outages) Last() identity.Outage {
	o.lock.Lock()
	defer o.lock.Unlock()
	return o.last
}
