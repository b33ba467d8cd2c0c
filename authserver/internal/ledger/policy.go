package ledger

import "time"

// Policy is what the operator decides.
type Policy struct {
	// SignupBonus is what a new account is given, in free credits.
	SignupBonus int64
	// Daily is what an account is given at its first touch on a day, after the
	// day on which it was made, in free credits.
	Daily int64
	// DailyCap is how many free credits an account may reach by daily ones.
	DailyCap int64
}

const (
	// DefaultLifetime is that of a reservation that asks for none.
	DefaultLifetime = 15 * time.Minute
	// MaxLifetime is the longest of a reservation.
	MaxLifetime = 24 * time.Hour
)
