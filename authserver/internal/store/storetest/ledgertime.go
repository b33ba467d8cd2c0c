package storetest

import (
	"errors"
	"fmt"
	"sort"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

func reservations(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	b.do(grant(user, 50, "g"))
	held := b.do(reserve(user, 160, "key")).Reservation // 150 free, 10 paid
	if held.Balance != 40 || held.Free != 150 || held.ExpiresAt != start.Add(time.Minute) {
		t.Errorf("%+v", held)
	}
	b.pots(user, 40, 0, 160)
	if again := b.do(reserve(user, 160, "key")); !again.Replayed || again.Reservation.ID != held.ID || again.Reservation.Balance != 40 {
		t.Errorf("retry: %+v", again)
	}
	reused := func(want ledger.State) {
		t.Helper()
		b.refuse(reserve(user, 161, "key"), user, ledger.ErrKeyReused)
		var e *ledger.KeyReusedError
		if _, err := b.Do(t.Context(), reserve(user, 161, "key")); !errors.As(err, &e) || e.State != want {
			t.Errorf("%v, want one that is %s", err, want)
		}
	}
	reused(ledger.Open)
	b.refuse(use(user, 160, "key"), user, ledger.ErrKeyReused)
	b.refuse(use(user, 41, ""), user, ledger.ErrInsufficient) // what is held can't be spent
	b.refuse(reserve(user, 41, ""), user, ledger.ErrInsufficient)
	b.refuse(commit(held.ID, 161), user, ledger.ErrOverCommit)
	foreign := commit(held.ID, 1)
	foreign.AppID = "picture"
	b.refuse(foreign, user, ledger.ErrNoReservation)
	b.refuse(commit("01890a5d-ac96-774b-bcce-b302099a8057", 1), user, ledger.ErrNoReservation)

	done := b.do(commit(held.ID, 155))
	if tr := done.Transaction; tr.Amount != -155 || tr.Free != -150 || tr.Before != 200 || tr.After != 45 ||
		tr.Description != "stream" || tr.ReservationID != held.ID {
		t.Errorf("%+v", tr)
	}
	b.pots(user, 45, 0, 0)
	if again := b.do(commit(held.ID, 155)); !again.Replayed || again.Transaction.ID != done.Transaction.ID {
		t.Errorf("retry: %+v", again)
	}
	reused(ledger.Committed)
	b.refuse(commit(held.ID, 154), user, ledger.ErrCommitted)
	b.refuse(commit(held.ID, 0), user, ledger.ErrCommitted)
	b.refuse(release(held.ID), user, ledger.ErrCommitted)
	b.do(refund(user, 155, done.Transaction.ID))
	b.pots(user, 50, 150, 0)

	whole := b.do(reserve(user, 20, "")).Reservation
	if tr := b.do(commit(whole.ID, 0)).Transaction; tr.Amount != -20 {
		t.Errorf("all of it: %+v", tr)
	}
	third := b.do(reserve(user, 30, "")).Reservation
	if r := b.do(release(third.ID)); r.Reservation.SettledBalance != 180 || r.Replayed {
		t.Errorf("%+v", r)
	}
	b.do(use(user, 1, ""))
	if r := b.do(release(third.ID)); r.Reservation.SettledBalance != 180 || !r.Replayed {
		t.Errorf("retry: %+v", r)
	}
	b.refuse(commit(third.ID, 0), user, ledger.ErrReleased)

	fourth := b.do(reserve(user, 30, "")).Reservation
	b.advance(time.Minute) // on the instant, though nothing swept
	b.refuse(commit(fourth.ID, 0), user, ledger.ErrExpired)
	b.pots(user, 50, 129, 0)
	b.do(release(fourth.ID))

	b.do(reserve(user, 1, "brief"))
	b.advance(time.Minute)
	var e *ledger.KeyReusedError
	if _, err := b.Do(t.Context(), reserve(user, 2, "brief")); !errors.As(err, &e) || e.State != ledger.Expired {
		t.Errorf("%v, want one that is expired", err)
	}
	b.audit(user)
}

// commitAgainstExpiry: commits, releases, sweeps and spends that depend on the
// expiry meet at its instant, on two servers whose clocks differ.
func commitAgainstExpiry(t *testing.T, s store.Store) {
	early, late := openBooks(t, s), openBooks(t, s)
	user := early.user("ann")
	early.do(use(user, 50, ""))
	var committed, expired int
	for i := range 30 {
		held := early.do(reserve(user, 100, "")).Reservation
		early.set(held.ExpiresAt.Add(-time.Millisecond))
		late.set(held.ExpiresAt)
		var commits, spends atomic.Int64
		parallel(9, func(n int) {
			var err error
			switch n % 3 {
			case 0:
				_, err = early.Do(t.Context(), commit(held.ID, 100))
				if err == nil {
					commits.Add(1)
				} else if !errors.Is(err, ledger.ErrExpired) {
					t.Error(err)
				}
			case 1:
				if _, err := late.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			case 2:
				_, err = late.Do(t.Context(), use(user, 100, fmt.Sprint("spend", i)))
				if err == nil {
					spends.Add(1)
				} else if !errors.Is(err, ledger.ErrInsufficient) {
					t.Error(err)
				}
			}
		})
		switch {
		case commits.Load() == 3 && spends.Load() == 0:
			committed++
		case commits.Load() == 0 && spends.Load() == 3:
			expired++
		default:
			t.Fatalf("%d commits and %d spends", commits.Load(), spends.Load())
		}
		early.do(grant(user, 100, fmt.Sprint("refill", i)))
		early.audit(user)
	}
	t.Logf("%d committed, %d expired", committed, expired)
}

func sweep(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	var users []string
	for i := range 5 {
		user := b.user(fmt.Sprint("user", i))
		users = append(users, user)
		for range i { // none, one, and several
			b.do(reserve(user, 10, ""))
		}
	}
	if n, err := b.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v before any expiry", n, err)
	}
	b.advance(time.Minute)
	if n, err := b.Sweep(t.Context()); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := b.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v again", n, err)
	}
	for i, user := range users {
		a, found, due, err := s.Ledger().Account(t.Context(), user, b.at())
		if err != nil || found != (i > 0) || due || i > 0 && (a.Free != 150 || a.HeldFree != 0) {
			t.Errorf("%s: %+v, found %v, due %v, %v", user, a, found, due, err)
		}
	}
}

func (b *books) at() time.Time { return time.UnixMilli(b.now.Load()).UTC() }

func dailyCredits(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	b.pots(user, 0, 150, 0)
	midnight := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	b.set(midnight.Add(-time.Millisecond))
	b.pots(user, 0, 150, 0)
	b.set(midnight)
	b.pots(user, 0, 155, 0)
	b.pots(user, 0, 155, 0)
	b.set(midnight.Add(-time.Hour)) // the clock goes back over midnight
	b.pots(user, 0, 155, 0)
	b.set(midnight.Add(time.Hour))
	b.pots(user, 0, 155, 0)
	b.set(midnight.Add(10 * 24 * time.Hour)) // days nobody came are not made up for
	b.pots(user, 0, 160, 0)
	b.advance(24 * time.Hour) // the cap
	b.pots(user, 0, 160, 0)
	held := b.do(reserve(user, 10, "")).Reservation
	b.advance(24 * time.Hour)
	b.do(release(held.ID)) // expired meanwhile, and what it held counts for the cap
	b.pots(user, 0, 160, 0)
	b.do(use(user, 2, ""))
	b.advance(24 * time.Hour)
	b.pots(user, 0, 160, 0) // as far as the cap allows
	b.advance(time.Hour)
	long := reserve(user, 10, "")
	long.Lifetime = ledger.MaxLifetime
	b.do(long)
	b.set((ledger.DayOf(b.at()) + 1).Start()) // what is held still counts too
	b.pots(user, 0, 150, 10)
	b.advance(24 * time.Hour)
	b.do(use(user, 160, ""))
	b.advance(24 * time.Hour)
	// Whatever touches the account first brings the day's credits.
	if tr := b.do(use(user, 5, "")).Transaction; tr.FreeAfter != 0 {
		t.Errorf("%+v", tr)
	}
	b.pots(user, 0, 0, 0)
	b.audit(user)
}

// oneDailyGrant: 1000 first reads of a day at once, on two servers, one of
// them in a zone of its own.
func oneDailyGrant(t *testing.T, s store.Store) {
	one, other := openBooks(t, s), openBooks(t, s, func(c *ledger.Config) {
		utc := c.Now
		c.Now = func() time.Time { return utc().In(time.FixedZone("elsewhere", -11*3600)) }
	})
	user := one.user("ann")
	one.do(use(user, 100, ""))
	midnight := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC) // a change of summer time in Europe
	one.set(midnight)
	other.set(midnight)
	parallel(1000, func(i int) {
		if a, err := []*books{one, other}[i%2].Balance(t.Context(), user); err != nil || a.Free != 55 {
			t.Errorf("%+v, %v", a, err)
		}
	})
	one.pots(user, 0, 55, 0)
	if n := len(one.history(user)); n != 3 {
		t.Errorf("%d transactions", n)
	}
	one.audit(user)
}

// manyOverdue: however many reservations of a user expired, a call settles a
// bounded number of them and sees what all of them held.
func manyOverdue(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user, other := b.user("ann"), b.user("bob")
	const n = 3*ledger.MaxOverdue + 50
	b.do(grant(user, n, "g"))
	held := make([]string, n)
	parallel(n, func(i int) {
		if r, err := b.Do(t.Context(), reserve(user, 1, "")); err == nil {
			held[i] = r.Reservation.ID
		} else {
			t.Error(err)
		}
	})
	b.pots(user, 150, 0, n)
	b.do(reserve(other, 10, ""))
	b.advance(time.Minute)
	open := func() int {
		return sort.Search(n+1, func(rows int) bool {
			_, more, err := s.Ledger().Overdue(t.Context(), b.at(), rows+1)
			if err != nil {
				t.Fatal(err)
			}
			return !more
		})
	}
	b.pots(user, n, 150, 0)
	if left := open(); left != n-ledger.MaxOverdue+1 {
		t.Errorf("%d are open after the first call, want %d", left, n-ledger.MaxOverdue+1)
	}
	b.pots(user, n, 150, 0) // nothing is due, and nothing is settled for it
	b.do(use(user, n+150, ""))
	if left := open(); left != n-2*ledger.MaxOverdue+1 {
		t.Errorf("%d are open after a spend", left)
	}
	for _, id := range held { // whether it is settled or only returned
		if _, err := b.Do(t.Context(), commit(id, 0)); !errors.Is(err, ledger.ErrExpired) {
			t.Fatalf("a commit: %v", err)
		}
		if r := b.do(release(id)); !r.Replayed {
			t.Fatal("a release returned something")
		}
	}
	b.pots(user, 0, 0, 0)
	b.audit(user)

	b.do(grant(user, 10, "again"))
	b.set(b.at().Add(-time.Hour)) // a server whose clock is behind
	late := b.do(reserve(user, 10, "")).Reservation
	b.pots(user, 0, 0, 10)
	b.do(commit(late.ID, 4))
	b.pots(user, 6, 0, 0)
	b.set(b.at().Add(2 * time.Hour))
	if _, err := b.Sweep(t.Context()); err != nil || open() != 0 {
		t.Errorf("after a sweep %d are open, %v", open(), err)
	}
	b.pots(user, 6, 0, 0)
	b.pots(other, 0, 150, 0)
	b.audit(user)
}
