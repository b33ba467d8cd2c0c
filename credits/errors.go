package credits

import (
	"errors"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/httpcall"
)

// The kinds of failure. Every error of this package is at least one of them by
// errors.Is, known by the status and the code of the answer and never by its
// text. Error texts are for the operator's log: they are fixed words and what
// the configuration holds, without the service key, and nothing that a server or
// a caller sent. ErrUnavailable and ErrForbidden
// are those of package client, so that one test serves both.
var (
	// ErrInsufficient: the balance is too low. The error is an
	// *InsufficientError, which has the figures.
	ErrInsufficient = errors.New("insufficient credits")
	// ErrUnavailable: the ledger gave no answer that can be trusted. Whether an
	// operation took place is not known: try again with the same key.
	ErrUnavailable = client.ErrUnavailable
	// ErrConflict: the ledger holds something that speaks against the
	// operation: another operation under the same key, one that is still
	// running, or a reservation that was settled the other way or has expired.
	ErrConflict = errors.New("credits conflict")
	// ErrKeyReused: the key was used for another operation. It is an
	// ErrConflict.
	ErrKeyReused = fmt.Errorf("%w: the idempotency key was used for another operation", ErrConflict)
	// ErrKeyLapsed: the key was used for a reservation that was released or has
	// expired. Under another key the operation may take place. It is an
	// ErrKeyReused, of Reserve alone.
	ErrKeyLapsed = fmt.Errorf("%w, which came to nothing", ErrKeyReused)
	// ErrInvalid: the operation itself is not good, here or in the ledger's
	// eyes. Nothing took place.
	ErrInvalid = errors.New("invalid credits operation")
	// ErrNotFound: the ledger knows no such user, reservation or transaction, or
	// no such route: a URL or a Prefix that is wrong looks the same.
	ErrNotFound = errors.New("not known to the credit ledger")
	// ErrForbidden: the ledger does not take this service key, or not for this
	// app or operation. It is no outage: retrying does not help.
	ErrForbidden = client.ErrForbidden
	// ErrNotConfigured: the configuration lacks the app or the service key, or
	// is not usable.
	ErrNotConfigured = errors.New("credits are not configured")
)

// InsufficientError is an ErrInsufficient with its figures, in credits.
type InsufficientError struct {
	Required  int64
	Available int64
	Operation string // as the caller named it
}

func (e *InsufficientError) Error() string {
	return fmt.Sprintf("insufficient credits: %d required, %d available", e.Required, e.Available)
}

// Is makes the error an ErrInsufficient.
func (e *InsufficientError) Is(target error) bool { return target == ErrInsufficient }

// callError is what one request came to that did not succeed.
type callError struct {
	kind    error
	text    string
	cause   error            // nil: none that is an error of its own
	outcome httpcall.Outcome // what it says about the ledger's health
	retry   bool             // another try may end better
	after   time.Duration    // how long the ledger asked to wait; 0: it did not say
	settled bool             // the reservation is settled already, the ledger does not say how
}

func (e *callError) Error() string {
	switch {
	case errors.Is(e.kind, ErrUnavailable): // whose own text is about the auth server
		return "credits unavailable: " + e.text
	case errors.Is(e.kind, ErrForbidden):
		return "refused by the credit ledger: " + e.text
	}
	return e.kind.Error() + ": " + e.text
}

func (e *callError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

func invalid(text string) error {
	return fmt.Errorf("%w: %s", ErrInvalid, text)
}
