package ledger

import (
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// Why an operation was refused. It had no effect, beyond what was due to the
// account anyway.
var (
	// ErrNoUser: there is no such user, or the user was deleted or disabled.
	ErrNoUser = errors.New("ledger: no such user")
	// ErrNoTransaction: a refund of a transaction that does not exist.
	ErrNoTransaction = errors.New("ledger: no such transaction")
	// ErrNoReservation: the app has no such reservation.
	ErrNoReservation = errors.New("ledger: no such reservation")
	// ErrKeyReused: another operation had the key or the reference. Where both
	// are reservations, the error is a KeyReusedError.
	ErrKeyReused = errors.New("ledger: key was used for another operation")
	// ErrTooLarge: a balance or a total would be above MaxCredits.
	ErrTooLarge = errors.New("ledger: balance would be too large")

	// ErrConflict is wrapped by the errors below: the operation does not fit
	// what happened before.
	ErrConflict = errors.New("ledger: conflict")
	// ErrNotRefundable: the transaction is no usage of that user and app.
	ErrNotRefundable = fmt.Errorf("%w: not a usage of this user and app", ErrConflict)
	// ErrOverRefund: more than what is left to refund.
	ErrOverRefund = fmt.Errorf("%w: more than is left to refund", ErrConflict)
	// ErrOverCommit: more than was reserved.
	ErrOverCommit = fmt.Errorf("%w: more than was reserved", ErrConflict)
	// ErrCommitted: the reservation was committed, with another amount where
	// it is to be committed again.
	ErrCommitted = fmt.Errorf("%w: reservation was committed", ErrConflict)
	// ErrReleased: the reservation was released.
	ErrReleased = fmt.Errorf("%w: reservation was released", ErrConflict)
	// ErrExpired: the reservation expired.
	ErrExpired = fmt.Errorf("%w: reservation expired", ErrConflict)
)

// ErrHeld: another transaction holds the account. Nothing was done, and the
// operation is tried again while its caller waits.
var ErrHeld = fmt.Errorf("ledger: account: %w", groupcommit.ErrHeld)

// ErrInsufficient: the account can't pay. The error is an InsufficientError.
var ErrInsufficient = errors.New("ledger: insufficient credits")

// InsufficientError is the refusal of a Use or a Reserve that the account
// can't pay.
type InsufficientError struct {
	Required  int64
	Available int64
}

func (e *InsufficientError) Error() string {
	return fmt.Sprintf("%v: %d required, %d available", ErrInsufficient, e.Required, e.Available)
}

// Is makes it an ErrInsufficient.
func (e *InsufficientError) Is(target error) bool { return target == ErrInsufficient }

// KeyReusedError is the refusal of a Reserve whose key has another one, and
// says what became of that.
type KeyReusedError struct{ State State }

func (e *KeyReusedError) Error() string {
	return fmt.Sprintf("%v: a reservation, %s", ErrKeyReused, e.State)
}

// Is makes it an ErrKeyReused.
func (e *KeyReusedError) Is(target error) bool { return target == ErrKeyReused }
