package ledger

import "time"

// Policy holds what the operator decides.
type Policy struct {
	// SignupBonus is how many free credits a new account gets.
	SignupBonus int64
	// Daily is how many free credits an account gets at its first operation on
	// a day, except the day on which it was made.
	Daily int64
	// DailyCap is how many free credits an account may have after daily ones
	// were given.
	DailyCap int64
}

const (
	// DefaultLifetime is the lifetime of a reservation that asks for none.
	DefaultLifetime = 15 * time.Minute
	// MaxLifetime is the longest lifetime of a reservation.
	MaxLifetime = 24 * time.Hour
)
