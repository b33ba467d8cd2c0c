package guess

import (
	"context"
	"maps"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// ExchangeInterval is how often a server tells the others what failed.
	ExchangeInterval = time.Second
	// quiet is how long a server has had no attempt that does not ask every time
	// what failed elsewhere, and how often it asks then. The first attempts on it
	// may be that many more than the others know of, as those may that come to all
	// servers at once.
	quiet = 10 * time.Second
	// ForgetInterval is how often old failures are deleted.
	ForgetInterval = time.Minute
	// page is how many failures are stored or read at once.
	page = 1000
	// lateCommit is the time within which a transaction that took a number has
	// ended: twice the time limit of a call of the stores.
	lateCommit = 10 * time.Second
	// tellWithin is how old a failure may be that others are told of. They take it
	// for one of that moment, so that after an hour without the database they
	// would lock accounts for what is long over.
	tellWithin = 10 * time.Minute
)

// untold is failures of a subject that other servers have not heard of.
type untold struct {
	count int
	since time.Time
}

// mark is the highest number that was read up to an instant.
type mark struct {
	at  time.Time
	seq int64
}

// Exchange tells the other servers what failed here, and hears what failed
// there, the latter seldom while nobody tries a password on this server. The first
// call reads the failures of the last hour.
func (g *Guard) Exchange(ctx context.Context) error {
	g.exchanging.Lock()
	defer g.exchanging.Unlock()
	err := g.tell(ctx)
	if err == nil && g.toHear() {
		err = g.hear(ctx)
	}
	switch {
	case err != nil && ctx.Err() == nil && !g.failing:
		g.config.Log.ErrorContext(ctx, "servers cannot tell each other of failed passwords: each counts its own", "error", err)
		g.failing = true
	case err == nil && g.failing:
		g.config.Log.InfoContext(ctx, "servers tell each other of failed passwords again")
		g.failing = false
	}
	return err
}

// Tell is the half of Exchange that a server does before it ends.
func (g *Guard) Tell(ctx context.Context) error {
	g.exchanging.Lock()
	defer g.exchanging.Unlock()
	return g.tell(ctx)
}

// tell stores what failed here since the last time.
func (g *Guard) tell(ctx context.Context) error {
	now := g.config.Clock.Now()
	for {
		var failures []store.Failure
		g.lock.Lock()
		piece := map[store.Digest]untold{}
		for subject, u := range g.untold {
			if len(piece) == page {
				break
			}
			delete(g.untold, subject)
			if now.Sub(u.since) <= tellWithin {
				piece[subject] = u
				failures = append(failures, store.Failure{Subject: subject, Source: g.source, Count: u.count})
			}
		}
		g.lock.Unlock()
		if len(failures) == 0 {
			return nil
		}
		if err := g.config.Store.AddFailures(ctx, failures); err != nil {
			g.lock.Lock()
			defer g.lock.Unlock()
			for subject, u := range piece {
				g.addUntold(subject, u)
			}
			return err
		}
	}
}

// addUntold keeps failures to tell, with g.lock held. Where there are as many
// subjects as counters, other servers hear of no more.
func (g *Guard) addUntold(subject store.Digest, u untold) {
	there, known := g.untold[subject]
	if !known && len(g.untold) >= maxCounters {
		return
	}
	if known && there.since.Before(u.since) {
		u.since = there.since
	}
	u.count += there.count
	g.untold[subject] = u
}

// toHear reports whether it is time to ask what failed elsewhere.
func (g *Guard) toHear() bool {
	now := g.config.Clock.Now()
	g.lock.Lock()
	tried := g.tried
	g.lock.Unlock()
	heard := g.marks[len(g.marks)-1].at
	return g.failing || g.config.Life() != g.life || now.Sub(tried) < quiet || now.Sub(heard) >= quiet || now.Before(heard)
}

// hear adds what failed elsewhere. A row may become visible after one with a
// higher number, so that the rows above a mark are read until one poll has come
// lateCommit after it.
func (g *Guard) hear(ctx context.Context) error {
	now := g.config.Clock.Now()
	g.beginAnew(now)
	after := g.marks[0].seq
	highest := g.marks[len(g.marks)-1].seq
	for {
		failures, err := g.config.Store.Failures(ctx, after, page)
		if err != nil {
			return err
		}
		g.lock.Lock()
		for _, f := range failures {
			after, highest = f.Seq, max(highest, f.Seq)
			if !g.seen[f.Seq] && f.Source != g.source && f.Age < window && !now.Add(-f.Age).Before(g.heardTo) {
				g.heard(f, now)
			}
			g.seen[f.Seq] = true
		}
		g.lock.Unlock()
		if len(failures) < page {
			break
		}
	}
	g.marks = append(g.marks, mark{at: now, seq: highest})
	for len(g.marks) > 1 && now.Sub(g.marks[1].at) >= lateCommit {
		g.marks = g.marks[1:]
	}
	maps.DeleteFunc(g.seen, func(seq int64, _ bool) bool { return seq <= g.marks[0].seq })
	return nil
}

// beginAnew forgets which numbers were read where the database has begun anew:
// it may give the same ones once more. Failures that were stored before the last
// poll were heard by then. Those of lateCommit before it may not have been, and
// count, some of them for the second time; so do more where the clock of the new
// database is behind.
func (g *Guard) beginAnew(now time.Time) {
	life := g.config.Life()
	if g.life != 0 && life != g.life {
		if last := g.marks[len(g.marks)-1]; !last.at.IsZero() {
			g.heardTo = last.at
			if now.Before(last.at) {
				g.heardTo = now
			}
			g.heardTo = g.heardTo.Add(-lateCommit)
		}
		g.marks, g.seen = []mark{{}}, map[int64]bool{}
	}
	g.life = life
}

// heard adds a failure of another server.
func (g *Guard) heard(f store.Failure, now time.Time) {
	c, there := g.counters.Get(f.Subject)
	if !there {
		c = &counter{}
		g.counters.Add(f.Subject, c)
	}
	c.add(now.Add(-max(f.Age, 0)), f.Count)
}

// Forget deletes failures that count no longer from the database.
func (g *Guard) Forget(ctx context.Context) error {
	err := g.config.Store.ForgetFailures(ctx, window)
	if err != nil && ctx.Err() == nil {
		g.config.Log.ErrorContext(ctx, "old failed passwords cannot be deleted", "error", err)
	}
	return err
}
