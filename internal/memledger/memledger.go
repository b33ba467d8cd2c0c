// Package memledger is a credit ledger in memory, as services see one over
// HTTP: what authtest serves to tests, and what stands in for the ledger on a
// developer's machine. It keeps the rules of the auth server's ledger, held to
// them by internal/ledgertest, but for daily credits and limits of
// length, and forgets everything with the process.
package memledger

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// defaultLifetime is that of a reservation that asks for none.
const defaultLifetime = 15 * time.Minute

// Config of a Ledger.
type Config struct {
	// Free is what every user begins with, in free credits.
	Free int64
	// ServiceKey is the accepted one. "": any.
	ServiceKey string
	// Now is the clock. nil: the system's.
	Now func() time.Time
	// Generation is that of the errors. "": the one of 2025.
	Generation wire.Generation
}

// Ledger is the whole ledger. It is safe for concurrent use.
type Ledger struct {
	config Config

	mu       sync.Mutex
	made     int // ids so far
	accounts map[string]*account
	holds    map[string]*hold    // by id
	used     map[keyRef]*outcome // by idempotency key
	taken    map[string]*usage   // transactions that took, by id
}

type account struct {
	paid, free, held int64
	earned, took     int64
	rows             []wire.CreditTransaction // oldest first
	usages           []*usage                 // oldest first
}

type hold struct {
	id, userID, appID, reason string
	amount, free              int64
	expires                   time.Time
	state                     string
	charged                   int64
	transactionID             string
	settledBalance            int64
}

// usage is a transaction that took, and what is left to refund.
type usage struct {
	id, userID, appID string
	paid, free        int64
}

type keyRef struct{ userID, appID, key string }

// outcome is what took place under a key: the operation, and its answer.
type outcome struct {
	operation string
	answer    any
	hold      *hold // nil: no reservation
}

// New makes an empty ledger.
func New(config Config) *Ledger {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Ledger{
		config: config, accounts: map[string]*account{}, holds: map[string]*hold{},
		used: map[keyRef]*outcome{}, taken: map[string]*usage{},
	}
}

// Grant gives a user paid credits.
func (l *Ledger) Grant(userID string, amount int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.open(userID)
	a.paid += amount
	a.earned += amount
	l.write(a, wire.CreditTransaction{UserID: userID, Type: "purchase", Amount: amount, AppID: "system", Description: "Grant"})
}

// Account is what a user has and what reservations hold of theirs.
func (l *Ledger) Account(userID string) (balance wire.CreditBalance, held int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.open(userID)
	return a.balance(), a.held
}

// Transactions are a user's, newest first.
func (l *Ledger) Transactions(userID string) []wire.CreditTransaction {
	l.mu.Lock()
	defer l.mu.Unlock()
	return newestFirst(l.open(userID).rows)
}

func newestFirst(rows []wire.CreditTransaction) []wire.CreditTransaction {
	list := make([]wire.CreditTransaction, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		list = append(list, row)
	}
	return list
}

// open finds an account, or makes one, and returns to it what overdue
// reservations hold.
func (l *Ledger) open(userID string) *account {
	a := l.accounts[userID]
	if a == nil {
		a = &account{}
		l.accounts[userID] = a
		if free := l.config.Free; free > 0 {
			a.free = free
			l.write(a, wire.CreditTransaction{UserID: userID, Type: "bonus", Amount: free, AppID: "system", Description: "Signup bonus"})
		}
	}
	for _, h := range l.holds {
		if h.userID == userID && h.state == wire.ReservationOpen && !l.config.Now().Before(h.expires) {
			a.settle(h, wire.ReservationExpired)
		}
	}
	return a
}

func (a *account) spendable() int64 { return a.paid + a.free }

func (a *account) balance() wire.CreditBalance {
	return wire.CreditBalance{Balance: a.paid, FreeCreditsRemaining: a.free, TotalEarned: a.earned, TotalSpent: a.took}
}

// take moves credits out of what may be spent, free ones first, and says how
// many of them were free.
func (a *account) take(amount int64) (free int64) {
	free = min(amount, a.free)
	a.free -= free
	a.paid -= amount - free
	return free
}

// settle takes what a reservation holds back into the account.
func (a *account) settle(h *hold, state string) {
	a.held -= h.amount
	a.free += h.free
	a.paid += h.amount - h.free
	h.state, h.settledBalance = state, a.spendable()
}

// write adds a row to an account that has already changed by its amount.
func (l *Ledger) write(a *account, row wire.CreditTransaction) wire.CreditTransaction {
	now := wire.Timestamp(l.config.Now())
	row.ID, row.Status, row.CreatedAt, row.CompletedAt = l.id(), "completed", now, &now
	row.Source = "service"
	if row.AppID == "system" {
		row.Source = "system"
	}
	row.BalanceAfter = a.spendable() + a.held
	row.BalanceBefore = row.BalanceAfter - row.Amount
	a.rows = append(a.rows, row)
	return row
}

// charge writes that credits were taken, free of them from the free ones.
func (l *Ledger) charge(a *account, free int64, row wire.CreditTransaction) wire.CreditTransaction {
	row.Type = "usage"
	a.took -= row.Amount
	row = l.write(a, row)
	u := &usage{row.ID, row.UserID, row.AppID, -row.Amount - free, free}
	l.taken[row.ID] = u
	a.usages = append(a.usages, u)
	return row
}

// id makes ids in the form of the auth server's (RFC 9562 section 4), in rising
// order.
func (l *Ledger) id() string {
	l.made++
	return fmt.Sprintf("00000000-0000-8000-8000-%012x", l.made)
}
