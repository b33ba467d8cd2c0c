package store

import (
	"context"
	"time"
)

// Guesses keeps the failures of passwords that servers tell each other of, and
// the devices that are known. Subjects and devices are keyed digests.
type Guesses interface {
	// AddFailures stores failures. The database fills in number and age.
	AddFailures(ctx context.Context, failures []Failure) error

	// Failures lists failures with a Seq over after, in its order, at most
	// limit.
	Failures(ctx context.Context, after int64, limit int) ([]Failure, error)

	// ForgetFailures deletes those of at least that age.
	ForgetFailures(ctx context.Context, age time.Duration) error

	// KnownDevice reports whether a device is known.
	KnownDevice(ctx context.Context, device Digest) (bool, error)
}

// Failure says how often a password was wrong.
type Failure struct {
	Seq     int64 // as that of a Revocation
	Subject Digest
	Source  int64         // the server that counted it
	Count   int           // how many there were
	Age     time.Duration // by the database's clock
}

// MaxDevices is how many devices of a user are known. The ones that logged in
// longest ago are forgotten.
const MaxDevices = 50

// Device is a device from which a user has logged in.
type Device struct {
	Digest    Digest
	UserID    string
	SessionID string // the latest session from it
	At        time.Time
}
