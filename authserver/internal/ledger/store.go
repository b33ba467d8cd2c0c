package ledger

import (
	"context"
	"time"
)

// Store is a database of accounts. Package storetest holds the suite that an
// implementation passes.
type Store interface {
	// Execute loads what need names, hands it to decide and writes what that
	// returns, in one transaction that keeps every other one away from the
	// accounts concerned. Where a concurrent transaction got in between, it
	// begins anew and calls decide again. An error that wraps
	// groupcommit.ErrRejected says that nothing was written and that parts of
	// the batch may go well by themselves. Any other leaves open whether
	// something was written.
	Execute(ctx context.Context, need Need, decide func(Loaded) Changes) error

	// Account reads an account, without a lock. found is false where there is
	// none. due says whether a reservation of it is overdue at now, and holds
	// something.
	Account(ctx context.Context, userID string, now time.Time) (account Account, found, due bool, err error)

	// AccountHeld reads an account and what its open reservations hold, both as
	// they are at one moment, without a lock. found is false where there is no
	// account.
	AccountHeld(ctx context.Context, userID string) (account Account, held Held, found bool, err error)

	// Transactions lists those that q asks for, newest first, at most limit.
	Transactions(ctx context.Context, q HistoryQuery, limit int) ([]Transaction, error)

	// DayUsages lists the usages that q asks for, by day and app, at most limit.
	DayUsages(ctx context.Context, q UsageQuery, limit int) ([]DayUsage, error)

	// AccountUsers lists the users that have an account, at most limit, in an
	// order of the database's own, from the one behind after. Empty: from the
	// first.
	AccountUsers(ctx context.Context, after string, limit int) ([]string, error)

	// Overdue lists the users of reservations overdue at now. It reads at most
	// limit reservations, those that expired first. more says that there may be
	// further ones.
	Overdue(ctx context.Context, now time.Time, limit int) (users []string, more bool, err error)
}

// HistoryQuery asks for transactions of a user.
type HistoryQuery struct {
	UserID string
	// Last is the newest Entry that is asked for.
	Last int64
	// AppID leaves out those of other apps, however many there are. Empty means
	// any app.
	AppID string
	// Sources are those that reported the transaction, where AppID is set. None
	// means every source.
	Sources []Source
}

// OfSources are the sources that the query asks for.
func (q HistoryQuery) OfSources() []Source {
	if len(q.Sources) == 0 {
		return Sources
	}
	return q.Sources
}

// Need is what a batch of operations has to know, without repetitions.
type Need struct {
	Now          time.Time
	Users        []string
	Keys         []KeyRef
	Reservations []string    // ids; their users are concerned too
	Transactions []string    // ids, with what was refunded of them
	Grants       []GrantRef  // grants made before
	Recent       []RecentRef // the newest usages, with what was refunded of them
}

// MaxOverdue is how many overdue reservations of an account are settled at once.
const MaxOverdue = 100

// Due is what all overdue reservations of an account hold together, without
// those that expired until its ReturnedTo.
type Due struct {
	UserID string
	Amount int64
	Free   int64 // the part of Amount that is free credits
}

// Held is what the open reservations of an account hold together, without those
// that expired until its ReturnedTo.
type Held struct {
	Paid int64
	Free int64
}

// KeyRef names the transaction or reservation that has an idempotency key. The
// keys of users and of services are apart: a user who guesses the number of an
// app's next order must not be able to take its key.
type KeyRef struct {
	UserID, AppID, Key string
	Source             Source
}

// GrantRef names a grant.
type GrantRef struct{ AppID, Reference string }

// RecentRef names the newest usages of a user that an app reported, at most
// MaxRecent.
type RecentRef struct{ UserID, AppID string }

// MaxRecent is how far a refund that names no usage looks back.
const MaxRecent = 50

// Loaded is what a database knows of a Need. The order does not matter, and
// nothing is amiss if a row is there twice.
type Loaded struct {
	// Accounts of the users and of the reservations' users, locked.
	Accounts []Account
	// Held are those of the same users whose account another transaction holds,
	// or is making. Nothing may be changed of them.
	Held []string
	// Active are those of the same users that exist and are neither deleted
	// nor disabled.
	Active []string
	// Transactions are all that were asked for, in whatever way.
	Transactions []Transaction
	// Refunded is how much was refunded of a transaction, by its id: of every
	// usage above, since a refund in the batch may find any of them.
	Refunded map[string]int64
	// Reservations are those asked for, those that have one of the keys, and
	// those of the accounts that are overdue, of each account at most
	// MaxOverdue, those that expired first.
	Reservations []Reservation
	// Due is what overdue reservations hold of accounts that have more than
	// MaxOverdue.
	Due []Due
}

// Changes is what a batch writes.
type Changes struct {
	NewAccounts     []Account // by user
	Accounts        []Account // by user
	Transactions    []Transaction
	NewReservations []Reservation
	Settled         []Reservation // no longer open
	Usages          []DayUsage    // to be added; by user, app and day
}

// None says whether there is nothing to write.
func (c Changes) None() bool {
	return len(c.NewAccounts)+len(c.Accounts)+len(c.Transactions)+len(c.NewReservations)+len(c.Settled)+len(c.Usages) == 0
}

// Overdue collects the overdue reservations of a batch for a store, which reads
// at most one more than MaxOverdue of each account.
type Overdue struct{ byUser map[string][]Reservation }

// Add adds a reservation. Those of an account come in the order of their expiry.
func (o *Overdue) Add(r Reservation) {
	if o.byUser == nil {
		o.byUser = map[string][]Reservation{}
	}
	o.byUser[r.UserID] = append(o.byUser[r.UserID], r)
}

// Bounded returns the reservations, at most MaxOverdue of each account, and the
// users that have more, for whom the store adds up what is due.
func (o *Overdue) Bounded() (kept []Reservation, many []string) {
	for user, list := range o.byUser {
		if len(list) > MaxOverdue {
			list, many = list[:MaxOverdue], append(many, user)
		}
		kept = append(kept, list...)
	}
	return kept, many
}
