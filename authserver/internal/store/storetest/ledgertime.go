package storetest

import (
	"errors"
	"fmt"
	"slices"
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

// pages: pages by cursor adjoin, whatever comes in between.
func pages(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	for range 24 {
		b.do(use(user, 1, ""))
	}
	whole := b.history(user)
	var (
		got  []ledger.Transaction
		page = ledger.Page{Limit: 7}
	)
	for {
		list, next, err := b.History(t.Context(), user, page)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list...)
		if next == "" {
			break
		}
		page.Cursor = next
		b.do(use(user, 1, "")) // while it is read
	}
	equal(t, "by cursor", got, whole)
	now := b.history(user)
	for _, offset := range []int64{0, 1, 20, int64(len(now)) - 1, int64(len(now)), 1 << 40} {
		list, next, err := b.History(t.Context(), user, ledger.Page{Limit: 5, Offset: offset})
		want := now[min(offset, int64(len(now))):min(offset+5, int64(len(now)))]
		if err != nil || len(list) != len(want) || len(want) > 0 && list[0].ID != want[0].ID || (next == "") != (offset+5 >= int64(len(now))) {
			t.Errorf("offset %d: %d transactions, next %q, %v", offset, len(list), next, err)
		}
	}
	for _, cursor := range []string{"x", "MTow", "MTotMQ", "MTox ", "MTowMQ", "MjoxMA", "MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk"} {
		if _, _, err := b.History(t.Context(), user, ledger.Page{Limit: 5, Cursor: cursor}); !errors.Is(err, ledger.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// pagesOfApp: an app's transactions come page by page, however many others stand
// in between, and a refund without a usage finds the app's newest one.
func pagesOfApp(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	elsewhere := func() {
		op := use(user, 1, "")
		op.AppID = "picture"
		b.do(op)
	}
	var want []string
	for range 5 {
		want = append(want, b.do(use(user, 2, "")).Transaction.ID)
		elsewhere()
		elsewhere()
	}
	byUser := use(user, 1, "")
	byUser.Source = ledger.FromUser
	own := b.do(byUser).Transaction.ID
	for range 3 * ledger.MaxRecent / 4 {
		elsewhere()
	}
	slices.Reverse(want)
	list := func(limit int, offset int64, sources ...ledger.Source) (ids []string) {
		t.Helper()
		page := ledger.Page{Limit: limit, Offset: offset, AppID: app, Sources: sources}
		for pages := 1; ; pages++ {
			part, next, err := b.History(t.Context(), user, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, tr := range part {
				ids = append(ids, tr.ID)
			}
			if next == "" {
				return ids
			}
			if page.Cursor = next; len(part) != limit || pages > 100 {
				t.Fatalf("a page of %d before the last one", len(part))
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 5, 6, 50} {
		equal(t, "every source", list(limit, 0), append([]string{own}, want...))
		equal(t, "of the app", list(limit, 0, ledger.FromService), want)
	}
	equal(t, "with an offset", list(2, 2), want[1:])
	equal(t, "behind the last", list(2, 6), []string(nil))
	if _, _, err := b.History(t.Context(), user, ledger.Page{Limit: 1, Offset: 10_001, AppID: app}); !errors.Is(err, ledger.ErrOffset) {
		t.Errorf("far behind: %v", err)
	}
	if tr := b.do(refund(user, 2, "")).Transaction; tr.RefundOf != want[0] {
		t.Errorf("refunded %s, want %s", tr.RefundOf, want[0])
	}
	equal(t, "with the refund", len(list(3, 0, ledger.FromService)), len(want)+1)
}

func dayUsages(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	elsewhere := use(user, 7, "")
	elsewhere.AppID = "picture"
	parallel(20, func(int) { _, _ = b.Do(t.Context(), use(user, 2, "")) })
	taken := b.do(elsewhere).Transaction
	b.set(time.Date(2026, 1, 3, 23, 59, 59, 0, time.UTC))
	b.do(commit(b.do(reserve(user, 9, "")).Reservation.ID, 4))
	back := refund(user, 3, taken.ID)
	back.AppID = "picture"
	b.do(back)
	first, second := ledger.DayOf(start), ledger.DayOf(start)+1
	want := []ledger.DayUsage{
		{UserID: user, AppID: "chat", Day: first, Used: 40, Uses: 20},
		{UserID: user, AppID: "picture", Day: first, Used: 7, Uses: 1},
		{UserID: user, AppID: "chat", Day: second, Used: 4, Uses: 1},
		{UserID: user, AppID: "picture", Day: second, Refunded: 3},
	}
	for name, test := range map[string]struct {
		query ledger.UsageQuery
		want  []ledger.DayUsage
	}{
		"both days":      {ledger.UsageQuery{UserID: user, First: first, Last: second}, want},
		"the first day":  {ledger.UsageQuery{UserID: user, First: first, Last: first}, want[:2]},
		"one app":        {ledger.UsageQuery{UserID: user, AppID: "picture", First: first, Last: second}, []ledger.DayUsage{want[1], want[3]}},
		"an unknown app": {ledger.UsageQuery{UserID: user, AppID: "none", First: first, Last: second}, nil},
		"later days":     {ledger.UsageQuery{UserID: user, First: second + 1, Last: second + 9}, nil},
		"another user":   {ledger.UsageQuery{UserID: "nobody", First: first, Last: second}, nil},
	} {
		got, err := b.Usage(t.Context(), test.query)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "usages, "+name, got, test.want)
	}
	got, err := s.Ledger().DayUsages(t.Context(), ledger.UsageQuery{UserID: user, First: first, Last: second}, 3)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "usages, limited", got, want[:3])
}

// auditAll reads the accounts of several users, in pages of one.
func auditAll(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	want := map[string]bool{}
	for _, name := range []string{"ann", "bob", "cem"} {
		user := b.user(name)
		want[user] = true
		b.do(use(user, 3, ""))
		b.do(reserve(user, 5, ""))
	}
	for after := ""; len(want) > 0; {
		users, err := s.Ledger().AccountUsers(t.Context(), after, 1)
		if err != nil || len(users) != 1 || !want[users[0]] {
			t.Fatalf("after %q: %q, %v; %v are left", after, users, err, want)
		}
		after = users[0]
		delete(want, after)
	}
	read, err := ledger.AuditAll(t.Context(), s.Ledger())
	if err != nil {
		t.Error(err)
	}
	equal(t, "read", read, ledger.Audited{Accounts: 3, Transactions: 6}) // the bonus and the usage of each
}

func goneUsers(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	for _, op := range []ledger.Op{use("nobody", 1, ""), grant("nobody", 1, "g"), reserve("nobody", 1, ""), refund("nobody", 1, ""),
		{Kind: ledger.Touch, UserID: "nobody"}} {
		if _, err := b.Do(t.Context(), op); !errors.Is(err, ledger.ErrNoUser) {
			t.Errorf("%+v: %v", op, err)
		}
	}
	if _, err := b.Balance(t.Context(), "nobody"); !errors.Is(err, ledger.ErrNoUser) {
		t.Errorf("%v", err)
	}
	ann := newAccount("ann")
	ann.user.DeletedAt = start
	if err := ann.create(t, s); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), use(ann.user.ID, 1, "")); !errors.Is(err, ledger.ErrNoUser) {
		t.Errorf("deleted: %v", err)
	}
	// Whoever has an account already is looked for in another way.
	for name, change := range map[string]func(u *store.User){
		"disabled": func(u *store.User) { u.DisabledAt = start },
		"deleted":  func(u *store.User) { u.DeletedAt = start },
	} {
		user := newAccount(name)
		if err := user.create(t, s); err != nil {
			t.Fatal(err)
		}
		id := user.user.ID
		if _, err := b.Do(t.Context(), use(id, 1, "")); err != nil {
			t.Fatal(err)
		}
		change(&user.user)
		do(t, s, func(tx store.Tx) error { return tx.PutUser(user.user) })
		if _, err := b.Do(t.Context(), use(id, 1, "")); !errors.Is(err, ledger.ErrNoUser) {
			t.Errorf("%s with an account: %v", name, err)
		}
	}
}

func serviceKeys(t *testing.T, s store.Store) {
	t.Helper()
	keys := []store.ServiceKey{
		{ID: "b", AppID: "chat", Hash: digest("b"), Operations: []string{"use", "refund"}, CreatedAt: start, ExpiresAt: start.Add(time.Hour)},
		{ID: "a", AppID: "chat", Hash: digest("a"), Operations: []string{"use"}, CreatedAt: start.Add(time.Second)},
		{ID: "c", AppID: "picture", Hash: digest("c"), Operations: []string{"grant"}, CreatedAt: start},
	}
	for _, k := range slices.Backward(keys) {
		if err := s.AddServiceKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []time.Time{start.Add(time.Minute), start.Add(2 * time.Minute)} { // the first counts
		if err := s.RevokeServiceKey(t.Context(), "a", at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeServiceKey(t.Context(), "d", start); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	keys[1].RevokedAt = start.Add(time.Minute)
	got, err := s.ServiceKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "keys", got, keys)
	for i, want := range []bool{true, false, true} {
		if got[i].Live(start.Add(time.Minute)) != want {
			t.Errorf("%s: live is %v", got[i].ID, !want)
		}
	}
	if got[0].Live(got[0].ExpiresAt) {
		t.Error("live at its expiry")
	}
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
