package ledger

import (
	"crypto/sha256"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// MaxCredits is the largest amount, balance and total.
const MaxCredits = wire.MaxCredits

// Digest is the SHA-256 of an operation: see Op.digest.
type Digest [sha256.Size]byte

// Day counts the days of UTC since 1970-01-01.
type Day int32

const hoursOfDay = 24

// DayOf is the UTC day of t.
func DayOf(t time.Time) Day {
	ms := t.UnixMilli()
	const length = int64(hoursOfDay * time.Hour / time.Millisecond)
	if ms < 0 {
		ms -= length - 1
	}
	return Day(ms / length)
}

// Start is the day's first instant.
func (d Day) Start() time.Time {
	return time.Unix(int64(d)*int64(hoursOfDay*time.Hour/time.Second), 0).UTC()
}

// Account is what a user has. Free credits are spent before paid ones. What
// open reservations hold belongs to the user still, but can't be spent.
//
// Always: Paid+Free+HeldPaid+HeldFree = Earned+Given-Spent, the sum of the
// account's transactions.
type Account struct {
	UserID    string
	Paid      int64
	Free      int64
	HeldPaid  int64 // by open reservations
	HeldFree  int64 // by open reservations
	Earned    int64 // paid credits ever got
	Given     int64 // free credits ever got
	Spent     int64 // ever spent, less what was refunded
	Entries   int64 // how many transactions there are
	Day       Day   // the last one for which daily credits were given
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Spendable is what the user may spend now.
func (a Account) Spendable() int64 { return a.Paid + a.Free }

// Total is what belongs to the user: the sum of the transactions.
func (a Account) Total() int64 { return a.Paid + a.Free + a.HeldPaid + a.HeldFree }

// Type is that of a transaction, in the words of the existing service.
type Type string

// The types of Transaction.
const (
	Bonus    Type = "bonus"    // free credits: the signup bonus, daily credits
	Usage    Type = "usage"    // taken
	Refund   Type = "refund"   // given back of a usage
	Purchase Type = "purchase" // granted: paid credits
)

// Source is who reported a transaction.
type Source string

// The sources of Transaction.
const (
	FromSystem  Source = "system"  // this server
	FromUser    Source = "user"    // the user's own client: it proves nothing to the app
	FromService Source = "service" // an app, with a service key
)

// SystemApp stands for an app where the server itself acted.
const SystemApp = "system"

// Transaction is a row of the ledger. It never changes.
type Transaction struct {
	ID     string // UUIDv7
	UserID string
	// Entry numbers the account's transactions: 1, 2, 3 and so on.
	Entry  int64
	Type   Type
	Source Source
	// Amount is below zero where credits were taken. Free is the part of it
	// that concerned free credits, of the same sign.
	Amount int64
	Free   int64
	// Before and After are the account's Total.
	Before int64
	After  int64
	// PaidAfter, FreeAfter and SpentAfter are the account's Paid, Free and
	// Spent after it: what a retry is answered with.
	PaidAfter   int64
	FreeAfter   int64
	SpentAfter  int64
	AppID       string
	Description string
	Metadata    string // a JSON object; empty: none
	// OrganizationID is whose pool paid; empty: the user.
	OrganizationID string
	Key            string // the idempotency key; empty: none
	Body           Digest // of the operation; zero without a key and a reference
	RefundOf       string // the usage that a refund belongs to; empty: no refund
	ReservationID  string // the reservation that a usage came of; empty: none
	Reference      string // of a grant; empty: no grant
	CreatedAt      time.Time
}

// State is that of a reservation.
type State string

// The states of Reservation. All but Open are final.
const (
	Open      State = wire.ReservationOpen
	Committed State = wire.ReservationCommitted
	Released  State = wire.ReservationReleased
	Expired   State = wire.ReservationExpired
)

// Reservation is an amount set aside for one use.
type Reservation struct {
	ID             string // UUIDv7
	UserID         string
	AppID          string
	Amount         int64
	Free           int64 // the part of Amount that is free credits
	Reason         string
	OrganizationID string
	Key            string // the idempotency key; empty: none
	Body           Digest // of the operation; zero without a key
	Balance        int64  // the account's Spendable after reserving
	CreatedAt      time.Time
	ExpiresAt      time.Time // on and after it, the reservation can't be committed
	State          State
	SettledAt      time.Time // zero: open
	Charged        int64     // of a committed one
	TransactionID  string    // of a committed one
	SettledBalance int64     // the account's Spendable after settling; zero: open
}

// Overdue says whether the reservation has to expire.
func (r Reservation) Overdue(now time.Time) bool {
	return r.State == Open && !now.Before(r.ExpiresAt)
}

// DayUsage is what a user spent with an app on a day.
type DayUsage struct {
	UserID   string
	AppID    string
	Day      Day
	Used     int64 // credits
	Refunded int64 // credits given back on that day
	Uses     int64 // how many usages
}
