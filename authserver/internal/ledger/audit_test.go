package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shelf is a store of accounts that an audit reads.
type shelf struct {
	Store
	accounts     []Account
	transactions map[string][]Transaction // oldest first
	held         map[string]Held
	meanwhile    func() // runs after an account was read
	err          error
}

// keep adds an account that was given so many credits, one at a time.
func (s *shelf) keep(userID string, entries int64) {
	for i := int64(1); i <= entries; i++ {
		s.transactions[userID] = append(s.transactions[userID], Transaction{
			ID: fmt.Sprintf("%s-%d", userID, i), UserID: userID, Entry: i, Type: Bonus, Amount: 1, Free: 1, Before: i - 1, After: i, FreeAfter: i,
		})
	}
	s.accounts = append(s.accounts, Account{UserID: userID, Free: entries, Given: entries, Entries: entries})
}

func (s *shelf) AccountUsers(_ context.Context, after string, limit int) (users []string, err error) {
	for _, a := range s.accounts {
		if a.UserID > after && len(users) < limit {
			users = append(users, a.UserID)
		}
	}
	return users, s.err
}

func (s *shelf) AccountHeld(_ context.Context, userID string) (Account, Held, bool, error) {
	i := slices.IndexFunc(s.accounts, func(a Account) bool { return a.UserID == userID })
	a := s.accounts[i]
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return a, s.held[userID], true, nil
}

func (s *shelf) Transactions(_ context.Context, q HistoryQuery, limit int) (list []Transaction, err error) {
	for _, t := range slices.Backward(s.transactions[q.UserID]) {
		if t.Entry <= q.Last && len(list) < limit {
			list = append(list, t)
		}
	}
	return list, nil
}

// TestAuditAll reads accounts of no, one and several pages of transactions, and
// tells what is wrong with one of them.
func TestAuditAll(t *testing.T) {
	t.Parallel()
	const long = 3*auditPage + 1
	filled := func() *shelf {
		s := &shelf{transactions: map[string][]Transaction{}}
		s.keep("a-none", 0)
		for i := range auditPage { // and so more accounts than a page
			s.keep(fmt.Sprintf("b-%03d", i), 1)
		}
		s.keep("c-page", auditPage)
		s.keep("d-long", long)
		return s
	}
	all := Audited{Accounts: auditPage + 3, Transactions: auditPage + auditPage + long}
	for name, test := range map[string]struct {
		spoil func(*shelf)
		read  Audited
		want  []string // parts of the error, each on a line of its own; none: there is no error
	}{
		"good": {func(*shelf) {}, all, nil},
		"written after each account was read": {func(s *shelf) {
			s.meanwhile = func() {
				for i := range s.accounts {
					a := &s.accounts[i]
					a.Entries, a.Free, a.Given = a.Entries+1, a.Free+1, a.Given+1
					s.transactions[a.UserID] = append(s.transactions[a.UserID], Transaction{
						ID: "new", UserID: a.UserID, Entry: a.Entries, Type: Bonus, Amount: 1, Free: 1, Before: a.Free - 1, After: a.Free, FreeAfter: a.Free,
					})
				}
			}
		}, Audited{Accounts: all.Accounts, Transactions: all.Transactions + all.Accounts*(all.Accounts-1)/2}, nil},
		"an amount": {func(s *shelf) { s.transactions["d-long"][700].Amount = 2 }, all, []string{
			"account d-long: entry 701 goes from 700 by 2 to 701, after 700", "has 1501 free and 0 paid, the transactions make 1501 and 1", "given 1501"}},
		"a lost transaction": {func(s *shelf) { s.transactions["d-long"] = slices.Delete(s.transactions["d-long"], long-1, long) },
			Audited{Accounts: all.Accounts, Transactions: all.Transactions - 1}, []string{
				"account d-long: 1500 transactions, counted 1501", "has 1501, the transactions make 1500", "has 1501 free", "given 1501"}},
		"a transaction too many": {func(s *shelf) { s.transactions["a-none"] = s.transactions["b-000"] }, all, []string{
			"account a-none: entry 1 is beyond the 0 that it counts"}},
		"a pot": {func(s *shelf) { s.accounts[1].Paid, s.accounts[1].Free = 2, -1 }, all, []string{
			"account b-000: has -1 free and 2 paid, the transactions make 1 and 0", "a pot is below zero"}},
		"what is held": {func(s *shelf) { s.accounts[1].Free, s.accounts[1].HeldFree = 0, 1 }, all, []string{
			"account b-000: holds 0 paid and 1 free, its open reservations 0 and 0"}},
		"a reservation": {func(s *shelf) { s.held = map[string]Held{"c-page": {Paid: 2, Free: 1}} }, all, []string{
			"account c-page: holds 0 paid and 0 free, its open reservations 2 and 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := filled()
			test.spoil(s)
			var told []int64
			read, err := AuditAll(t.Context(), s, func(so Audited) { told = append(told, so.Transactions) })
			if read != test.read {
				t.Errorf("read %+v, want %+v", read, test.read)
			}
			if last := len(told) - 1; !slices.IsSorted(told) || last < auditPage || told[last] != read.Transactions {
				t.Errorf("O23: told of %d pages, last of %d transactions", len(told), told[last])
			}
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if len(lines) != len(test.want) {
				t.Fatalf("%d faults, want %d:\n%v", len(lines), len(test.want), err)
			}
			for i, want := range test.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("fault %d: %s, want %s", i, lines[i], want)
				}
			}
		})
	}
}

// TestAuditAllOfAGap: a gap in the middle brings no transaction twice and tells
// at most as many faults as a reader can use.
func TestAuditAllOfAGap(t *testing.T) {
	t.Parallel()
	s := &shelf{transactions: map[string][]Transaction{}}
	s.keep("u", 2*auditPage)
	s.transactions["u"] = slices.Delete(s.transactions["u"], 600, 601)
	read, err := AuditAll(t.Context(), s, nil)
	if want := (Audited{Accounts: 1, Transactions: 2*auditPage - 1}); read != want {
		t.Errorf("read %+v, want %+v", read, want)
	}
	if err == nil {
		t.Fatal("the gap was not found")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxFaults+1 || lines[0] != "account u: transaction u-602 is entry 602, not 601" || !strings.HasSuffix(lines[maxFaults], " more faults") {
		t.Errorf("%d lines: %s … %s", len(lines), lines[0], lines[len(lines)-1])
	}
}

// TestAuditAllUnread: what could not be read was not found good.
func TestAuditAllUnread(t *testing.T) {
	t.Parallel()
	down := errors.New("database is down")
	if _, err := AuditAll(t.Context(), &shelf{err: down}, nil); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

// entries is a store of usages.
type entries struct {
	Store
	n     int
	asked UsageQuery
}

func (e *entries) DayUsages(_ context.Context, q UsageQuery, limit int) ([]DayUsage, error) {
	e.asked = q
	return make([]DayUsage, min(e.n, limit)), nil
}

// TestUsageIsBounded: an answer holds MaxUsages entries and no more.
func TestUsageIsBounded(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{MaxUsages: nil, MaxUsages + 1: ErrManyUsages} {
		s := &entries{n: n}
		l := New(Config{Store: s})
		defer l.Close()
		query := UsageQuery{UserID: "u", AppID: "a", First: 1, Last: 2}
		list, err := l.Usage(t.Context(), query)
		if !errors.Is(err, want) || s.asked != query || want == nil && len(list) != n {
			t.Errorf("%d: %d entries, %v", n, len(list), err)
		}
	}
}
