package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

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
	left := map[string]bool{}
	for _, name := range []string{"ann", "bob", "cem"} {
		user := b.user(name)
		left[user] = true
		b.do(use(user, 3, ""))
		b.do(reserve(user, 5, ""))
	}
	for after := ""; len(left) > 0; {
		users, err := s.Ledger().AccountUsers(t.Context(), after, 1)
		if err != nil || len(users) != 1 || !left[users[0]] {
			t.Fatalf("after %q: %q, %v; %v are left", after, users, err, left)
		}
		after = users[0]
		delete(left, after)
	}
	read, err := ledger.AuditAll(t.Context(), s.Ledger(), nil)
	if err != nil {
		t.Error(err)
	}
	equal(t, "read", read, ledger.Audited{Accounts: 3, Transactions: 6}) // the bonus and the usage of each

	// Neither one that is settled nor what was returned by the sum is held.
	user := b.user("dan")
	b.do(reserve(user, 20, ""))
	b.do(release(b.do(reserve(user, 30, "")).Reservation.ID))
	account, held, found, err := s.Ledger().AccountHeld(t.Context(), user)
	if err != nil || !found || account.HeldFree != 20 {
		t.Errorf("%+v, %v, %v", account, found, err)
	}
	equal(t, "held", held, ledger.Held{Free: 20})
	lost := ledger.Reservation{
		ID: "018f0000-0000-7000-8000-000000000001", UserID: user, AppID: app, Amount: 9, Free: 2, State: ledger.Open,
		CreatedAt: b.at(), ExpiresAt: b.at().Add(time.Minute),
	}
	if err := s.Ledger().Execute(t.Context(), ledger.Need{Now: b.at(), Users: []string{user}}, func(ledger.Loaded) ledger.Changes {
		return ledger.Changes{NewReservations: []ledger.Reservation{lost}}
	}); err != nil {
		t.Fatal(err)
	}
	want := "account " + user + ": holds 0 paid and 20 free, its open reservations 7 and 22"
	if _, err := ledger.AuditAll(t.Context(), s.Ledger(), nil); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if account, _, found, err := s.Ledger().AccountHeld(t.Context(), "nobody"); err != nil || found {
		t.Errorf("%+v, %v, %v", account, found, err)
	}
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
