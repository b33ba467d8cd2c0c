package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Audit checks an account against all of its transactions, newest first. They
// have to be numbered without a gap, each has to begin with the total at which
// the one before it ended, and together they have to make the account. Audit
// returns everything that is wrong.
func Audit(a Account, newestFirst []Transaction) error {
	u := auditor{userID: a.UserID}
	for _, t := range slices.Backward(newestFirst) {
		u.add(t)
	}
	u.end(a)
	return errors.Join(u.faults...)
}

// auditor adds up an account's transactions, oldest first.
type auditor struct {
	userID  string
	entries int64 // how many transactions were added
	total   int64 // the total after the last one
	sum     Account
	faults  []error
}

func (u *auditor) faultf(format string, args ...any) {
	u.faults = append(u.faults, fmt.Errorf("account %s: "+format, append([]any{u.userID}, args...)...))
}

func (u *auditor) add(t Transaction) {
	u.entries++
	if t.Entry != u.entries {
		u.faultf("transaction %s is entry %d, not %d", t.ID, t.Entry, u.entries)
	}
	if t.Before != u.total || t.After != u.total+t.Amount || t.After < 0 {
		u.faultf("entry %d goes from %d by %d to %d, after %d", t.Entry, t.Before, t.Amount, t.After, u.total)
	}
	u.total = t.After
	switch t.Type {
	case Bonus:
		u.sum.Given += t.Amount
	case Purchase:
		u.sum.Earned += t.Amount
	case Usage, Refund:
		u.sum.Spent -= t.Amount
	}
	if t.SpentAfter != u.sum.Spent || t.PaidAfter < 0 || t.FreeAfter < 0 || t.PaidAfter+t.FreeAfter > t.After {
		u.faultf("entry %d leaves %d paid, %d free, %d spent; %d were", t.Entry, t.PaidAfter, t.FreeAfter, t.SpentAfter, u.sum.Spent)
	}
	u.sum.Free += t.Free
	u.sum.Paid += t.Amount - t.Free
}

// end checks the account against the sum of the transactions.
func (u *auditor) end(a Account) {
	if a.Entries != u.entries {
		u.faultf("%d transactions, counted %d", u.entries, a.Entries)
	}
	if a.Total() != u.total {
		u.faultf("has %d, the transactions make %d", a.Total(), u.total)
	}
	sum := u.sum
	if a.Free+a.HeldFree != sum.Free || a.Paid+a.HeldPaid != sum.Paid {
		u.faultf("has %d free and %d paid, the transactions make %d and %d", a.Free+a.HeldFree, a.Paid+a.HeldPaid, sum.Free, sum.Paid)
	}
	if a.Earned != sum.Earned || a.Given != sum.Given || a.Spent != sum.Spent {
		u.faultf("earned %d, given %d, spent %d; the transactions make %d, %d, %d", a.Earned, a.Given, a.Spent, sum.Earned, sum.Given, sum.Spent)
	}
	if min(a.Paid, a.Free, a.HeldPaid, a.HeldFree) < 0 {
		u.faultf("a pot is below zero: %+v", a)
	}
}

// holds checks what the account holds against its open reservations.
func (u *auditor) holds(a Account, held Held) {
	if a.HeldPaid != held.Paid || a.HeldFree != held.Free {
		u.faultf("holds %d paid and %d free, its open reservations %d and %d", a.HeldPaid, a.HeldFree, held.Paid, held.Free)
	}
}

const (
	// auditPage is how many users or transactions an audit reads at a time.
	auditPage = 500
	// maxFaults is the most faults that AuditAll reports.
	maxFaults = 20
)

// Audited counts what AuditAll read.
type Audited struct {
	Accounts     int64
	Transactions int64
}

// AuditAll checks every account of a store by the rules of Audit, and what it
// holds against its open reservations. Servers may be writing meanwhile. It reads
// every transaction once, in pages, so that it takes time in proportion to their
// number, and little memory. After each page it calls progress, unless that is
// nil, with what was read so far. The error lists at most 20 faults and the
// number of further ones, or says that the database could not be read.
func AuditAll(ctx context.Context, s Store, progress func(Audited)) (read Audited, err error) {
	if progress == nil {
		progress = func(Audited) {}
	}
	var faults []error
	untold := 0
	for after := ""; ; {
		users, err := s.AccountUsers(ctx, after, auditPage)
		if err != nil {
			return read, err
		}
		for _, userID := range users {
			u, err := auditOne(ctx, s, userID, func(entries int64) {
				progress(Audited{Accounts: read.Accounts, Transactions: read.Transactions + entries})
			})
			if err != nil {
				return read, err
			}
			read.Accounts++
			read.Transactions += u.entries
			told := min(len(u.faults), maxFaults-len(faults))
			faults = append(faults, u.faults[:told]...)
			untold += len(u.faults) - told
		}
		if len(users) < auditPage {
			break
		}
		after = users[len(users)-1]
	}
	if untold > 0 {
		faults = append(faults, fmt.Errorf("%d more faults", untold))
	}
	return read, errors.Join(faults...)
}

// auditOne checks the account of a user. Transactions never change, and an
// account counts its own. So the transactions up to that count make the account
// as it was when it was read, whatever is written meanwhile. Reservations do
// change, and what is held is read at the same moment as the account. After each
// page it calls progress with how many transactions there were so far.
func auditOne(ctx context.Context, s Store, userID string, progress func(entries int64)) (*auditor, error) {
	u := &auditor{userID: userID}
	// This is read before the account, which therefore has to count it.
	newest, err := s.Transactions(ctx, HistoryQuery{UserID: userID, Last: math.MaxInt64}, 1)
	if err != nil {
		return nil, err
	}
	a, held, found, err := s.AccountHeld(ctx, userID)
	if err != nil {
		return nil, err
	}
	if !found {
		u.faultf("is gone")
		return u, nil
	}
	if len(newest) > 0 && newest[0].Entry > a.Entries {
		u.faultf("entry %d is beyond the %d that it counts", newest[0].Entry, a.Entries)
	}
	for done := int64(0); done < a.Entries; done += auditPage {
		page, err := s.Transactions(ctx, HistoryQuery{UserID: userID, Last: min(done+auditPage, a.Entries)}, auditPage)
		if err != nil {
			return nil, err
		}
		for _, t := range slices.Backward(page) {
			if t.Entry > done { // after a gap, the page has older ones again
				u.add(t)
			}
		}
		progress(u.entries)
	}
	u.end(a)
	u.holds(a, held)
	return u, nil
}
