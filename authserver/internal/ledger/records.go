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
// open reservations hold still belongs to the user, but can't be spent.
//
// Always: Paid+Free+HeldPaid+HeldFree = Earned+Given-Spent, the sum of the
// account's transactions.
type Account struct {
	UserID   string
	Paid     int64
	Free     int64
	HeldPaid int64 // by open reservations
	HeldFree int64 // by open reservations
	Earned   int64 // all paid credits that were ever given
	Given    int64 // all free credits that were ever given
	Spent    int64 // all credits that were ever spent, less refunds
	Entries  int64 // number of transactions
	Day      Day   // the last day for which daily credits were given
	// ReturnedTo is up to when what overdue reservations hold was returned by
	// their sum. An open reservation that expired until then holds nothing.
	ReturnedTo time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Spendable is what the user may spend now.
func (a Account) Spendable() int64 { return a.Paid + a.Free }

// Total is what belongs to the user: the sum of the transactions.
func (a Account) Total() int64 { return a.Paid + a.Free + a.HeldPaid + a.HeldFree }

// Type is the type of a transaction, in the words of the existing service.
type Type string

// The types of Transaction.
const (
	Bonus    Type = "bonus"    // free credits: the signup bonus, daily credits
	Usage    Type = "usage"    // taken
	Refund   Type = "refund"   // returned from a usage
	Purchase Type = "purchase" // granted: paid credits
)

// Types are all types of Transaction.
var Types = []Type{Bonus, Usage, Refund, Purchase}

// Source is who reported a transaction.
type Source string

// The sources of Transaction.
const (
	FromSystem  Source = "system"  // this server
	FromUser    Source = "user"    // the user's own client, which proves nothing to the app
	FromService Source = "service" // an app, with a service key
)

// Sources are all sources of Transaction.
var Sources = []Source{FromSystem, FromUser, FromService}

// SystemApp is the app of transactions that the server itself made.
const SystemApp = "system"

// Transaction is a row of the ledger. It never changes.
type Transaction struct {
	ID     string // UUIDv7
	UserID string
	// Entry numbers the account's transactions: 1, 2, 3 and so on.
	Entry  int64
	Type   Type
	Source Source
	// Amount is below zero where credits were taken. Free is the part of it in
	// free credits, with the same sign.
	Amount int64
	Free   int64
	// Before and After are the account's Total.
	Before int64
	After  int64
	// PaidAfter, FreeAfter and SpentAfter are the account's Paid, Free and
	// Spent after the transaction. A retry is answered with them.
	PaidAfter   int64
	FreeAfter   int64
	SpentAfter  int64
	AppID       string
	Description string
	Metadata    string // a JSON object; empty: none
	// OrganizationID is the organization whose pool paid. Empty means that the
	// user paid.
	OrganizationID string
	Key            string // the idempotency key; empty: none
	Body           Digest // digest of the operation; zero without a key and a reference
	RefundOf       string // the usage that a refund belongs to; empty for all other types
	ReservationID  string // the reservation that a usage settled, or empty
	Reference      string // reference of a grant; empty for all other types
	CreatedAt      time.Time
}

// State is the state of a reservation.
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
	ExpiresAt      time.Time // from this instant on, the reservation can't be committed
	State          State
	SettledAt      time.Time // zero while it is open
	Charged        int64     // of a committed one
	TransactionID  string    // of a committed one
	SettledBalance int64     // the account's Spendable after settling; zero while it is open
}

// Overdue reports whether the reservation has to expire.
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
	Uses     int64 // number of usages
}
