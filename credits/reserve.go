package credits

import (
	"context"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// Hold is what Reserve sets aside.
type Hold struct {
	UserID    string
	Amount    int64  // 1 to MaxAmount
	Operation string // what for; the ledger's reason
	// For is how long, in whole seconds, unless Commit or Release comes before:
	// the credits then return by themselves. 0: as the ledger has it, 15
	// minutes with ours.
	For time.Duration
	Key string // as Spend's
}

// Reservation is an amount set aside.
type Reservation struct {
	ID        string
	Amount    int64
	Available int64     // what the user may spend beside it
	ExpiresAt time.Time // zero where the ledger does not say
}

// Settlement is what Commit takes.
type Settlement struct {
	ReservationID string
	Amount        int64  // at most what was reserved; the rest returns. 0: all of it
	Operation     string // the transaction's description. "": that of the reservation
}

// Reserve sets credits aside: nobody else can spend them until they are
// settled, by Commit or Release, or the time is over.
func (c *Client) Reserve(ctx context.Context, h Hold) (Reservation, error) {
	if _, err := checkSpend(h.UserID, h.Amount, h.Operation, nil); err != nil {
		return Reservation{}, err
	}
	if h.For < 0 || h.For%time.Second != 0 {
		return Reservation{}, invalid("the time of a reservation is in whole seconds")
	}
	key, err := keyOr(h.Key)
	if err != nil {
		return Reservation{}, err
	}
	var r Reservation
	err = c.do(ctx, call{
		method: http.MethodPost,
		path:   "/reserve",
		body: wire.CreditReserveRequest{
			UserID: h.UserID, Amount: h.Amount, Reason: h.Operation, IdempotencyKey: key, ExpiresIn: int64(h.For / time.Second),
		},
		required: h.Amount, operation: h.Operation,
		conflictPasses: true,
		read: func(a *answer) error {
			var body wire.CreditReserveResponse
			if err := a.into(&body, "reservationId", "balance"); err != nil {
				return err
			}
			r = Reservation{ID: body.ReservationID, Amount: h.Amount, Available: body.Balance}
			if !isID(r.ID) {
				return errAnswer
			}
			if body.ExpiresAt != "" {
				if r.ExpiresAt, err = time.Parse(time.RFC3339, body.ExpiresAt); err != nil {
					return errAnswer
				}
			}
			return sane(r.Available)
		},
	})
	if err != nil {
		return Reservation{}, err
	}
	return r, nil
}

// Commit takes what was reserved, or a part of it, and returns the id of the
// transaction. Doing it again has the same result. A reservation that was
// released, has expired, or was committed with another amount is an
// ErrConflict.
func (c *Client) Commit(ctx context.Context, s Settlement) (string, error) {
	if err := checkID(s.ReservationID); err != nil {
		return "", err
	}
	request := wire.CreditCommitRequest{ReservationID: s.ReservationID, Description: s.Operation}
	if s.Amount != 0 {
		if err := checkAmount(s.Amount); err != nil {
			return "", err
		}
		request.Amount = &s.Amount
	}
	var id string
	err := c.do(ctx, call{
		method: http.MethodPost,
		path:   "/commit",
		body:   request,
		read: func(a *answer) error {
			var body wire.CreditCommitResponse
			if err := a.into(&body, "success", "transactionId"); err != nil {
				return err
			}
			if id = body.TransactionID; !body.Success || !isID(id) {
				return errAnswer
			}
			return nil
		},
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Release returns what was reserved. Doing it again changes nothing, as it
// does after the reservation has expired; after Commit it is an ErrConflict.
func (c *Client) Release(ctx context.Context, reservationID string) error {
	if err := checkID(reservationID); err != nil {
		return err
	}
	return c.do(ctx, call{
		method: http.MethodPost,
		path:   "/refund-reservation",
		body:   wire.CreditReleaseRequest{ReservationID: reservationID},
		read: func(a *answer) error {
			var body wire.CreditReleaseResponse
			if err := a.into(&body, "success", "balance"); err != nil {
				return err
			}
			if !body.Success {
				return errAnswer
			}
			return sane(body.Balance)
		},
	})
}
