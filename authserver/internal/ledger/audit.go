package ledger

import (
	"errors"
	"fmt"
)

// Audit checks an account against all of its transactions, newest first: that
// they are numbered without a gap, that each begins where the one before it
// ended, and that together they make the account. It returns everything that
// does not hold.
func Audit(a Account, newestFirst []Transaction) error {
	var (
		errs  []error
		total int64
		sum   Account
	)
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("account %s: "+format, append([]any{a.UserID}, args...)...))
	}
	for i := range newestFirst {
		t := newestFirst[len(newestFirst)-1-i]
		if t.Entry != int64(i+1) {
			fault("transaction %s is entry %d, not %d", t.ID, t.Entry, i+1)
		}
		if t.Before != total || t.After != total+t.Amount || t.After < 0 {
			fault("entry %d goes from %d by %d to %d, after %d", t.Entry, t.Before, t.Amount, t.After, total)
		}
		total = t.After
		switch t.Type {
		case Bonus:
			sum.Given += t.Amount
		case Purchase:
			sum.Earned += t.Amount
		case Usage, Refund:
			sum.Spent -= t.Amount
		}
		if t.SpentAfter != sum.Spent || t.PaidAfter < 0 || t.FreeAfter < 0 || t.PaidAfter+t.FreeAfter > t.After {
			fault("entry %d leaves %d paid, %d free, %d spent; %d were", t.Entry, t.PaidAfter, t.FreeAfter, t.SpentAfter, sum.Spent)
		}
		sum.Free += t.Free
		sum.Paid += t.Amount - t.Free
	}
	if a.Entries != int64(len(newestFirst)) {
		fault("%d transactions, counted %d", len(newestFirst), a.Entries)
	}
	if a.Total() != total {
		fault("has %d, the transactions make %d", a.Total(), total)
	}
	if a.Free+a.HeldFree != sum.Free || a.Paid+a.HeldPaid != sum.Paid {
		fault("has %d free and %d paid, the transactions make %d and %d", a.Free+a.HeldFree, a.Paid+a.HeldPaid, sum.Free, sum.Paid)
	}
	if a.Earned != sum.Earned || a.Given != sum.Given || a.Spent != sum.Spent {
		fault("earned %d, given %d, spent %d; the transactions make %d, %d, %d", a.Earned, a.Given, a.Spent, sum.Earned, sum.Given, sum.Spent)
	}
	if min(a.Paid, a.Free, a.HeldPaid, a.HeldFree) < 0 {
		fault("a pot is below zero: %+v", a)
	}
	return errors.Join(errs...)
}
