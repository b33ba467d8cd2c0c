package credits

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// ReserveParams is what Reserve takes.
type ReserveParams struct {
	UserID    string
	Amount    int64  // 1 to MaxAmount
	Operation string // what for; the ledger's reason
	// For is how long, in whole seconds, unless Commit or Release comes before:
	// the credits then return by themselves. 0: as the ledger has it, 15
	// minutes with ours.
	For time.Duration
	Key string // as that of ConsumeParams
	// ReleaseIfUnknown is for a caller who has a Key and will not ask again
	// under it: a call that ends with ErrUnavailable then leaves nothing set
	// aside, as one without a Key does.
	ReleaseIfUnknown bool
}

// Reservation is an amount set aside.
type Reservation struct {
	ID        string
	Amount    int64
	Available int64     // what the user may spend beside it
	ExpiresAt time.Time // zero where the ledger does not say
}

// CommitParams is what Commit takes.
type CommitParams struct {
	ReservationID string
	Amount        int64  // at most what was reserved; the rest returns. 0: all of it
	Operation     string // the transaction's description. "": that of the reservation
}

// Reserve sets credits aside: nobody else can spend them until they are
// settled, by Commit or Release, or the time is over.
//
// A call that ends with ErrUnavailable, be it because ctx did, may have set them
// aside all the same. Whoever gave a Key can ask again. For everybody else the
// client does: on a goroutine of its own it asks under the same key, twenty
// times at most, until the ledger answers, and releases what there is. A Reserve
// or Consume of that user that would be refused meanwhile waits for it, for
// Timeout at most. The ledger has to know keys of reservations, as ours does.
func (c *Client) Reserve(ctx context.Context, p ReserveParams) (Reservation, error) {
	if _, err := checkSpend(p.UserID, p.Amount, p.Operation, nil); err != nil {
		return Reservation{}, err
	}
	if p.For < 0 || p.For%time.Second != 0 {
		return Reservation{}, invalid("the time of a reservation is in whole seconds")
	}
	key, err := keyOr(p.Key)
	if err != nil {
		return Reservation{}, err
	}
	var (
		r    Reservation
		sent bool
	)
	op := c.reserve(p, key, &r)
	op.sent = &sent
	if err := c.do(ctx, op); err != nil {
		if sent && errors.Is(err, ErrUnavailable) && (p.Key == "" || p.ReleaseIfUnknown) {
			c.releaseUnknown(ctx, p, key)
		}
		return Reservation{}, err
	}
	return r, nil
}

// reserve is the call that sets aside, with its result in r.
func (c *Client) reserve(p ReserveParams, key string, r *Reservation) call {
	return call{
		method: http.MethodPost,
		path:   "/reserve",
		body: wire.CreditReserveRequest{
			UserID: p.UserID, Amount: p.Amount, Reason: p.Operation, IdempotencyKey: key, ExpiresIn: int64(p.For / time.Second),
		},
		userID:   p.UserID,
		required: p.Amount, operation: p.Operation,
		conflictPasses: true,
		read: func(a *answer) error {
			var body wire.CreditReserveResponse
			if err := a.into(&body, "reservationId", "balance"); err != nil {
				return err
			}
			*r = Reservation{ID: body.ReservationID, Amount: p.Amount, Available: body.Balance}
			if !isID(r.ID) {
				return errAnswer
			}
			if body.ExpiresAt != "" {
				var err error
				if r.ExpiresAt, err = time.Parse(time.RFC3339, body.ExpiresAt); err != nil {
					return errAnswer
				}
			}
			return sane(r.Available)
		},
	}
}

// Commit takes what was reserved, or a part of it, and returns the id of the
// transaction. Doing it again has the same result. A reservation that was
// released, has expired, or was committed with another amount is an
// ErrConflict. ctx should not end with the request that it is about: whoever
// has served a caller that went wants to be paid all the same
// (context.WithoutCancel).
func (c *Client) Commit(ctx context.Context, p CommitParams) (transactionID string, err error) {
	if err := checkID(p.ReservationID); err != nil {
		return "", err
	}
	request := wire.CreditCommitRequest{ReservationID: p.ReservationID, Description: p.Operation}
	if p.Amount != 0 {
		if err := checkAmount(p.Amount); err != nil {
			return "", err
		}
		request.Amount = &p.Amount
	}
	err = c.do(ctx, call{
		method:  http.MethodPost,
		path:    "/commit",
		settles: true,
		names:   "reservation",
		body:    request,
		read: func(a *answer) error {
			var body wire.CreditCommitResponse
			if err := a.into(&body, "success", "transactionId"); err != nil {
				return err
			}
			if transactionID = body.TransactionID; !body.Success || !isID(transactionID) {
				return errAnswer
			}
			return nil
		},
	})
	if err != nil {
		return "", err
	}
	return transactionID, nil
}

// Release returns what was reserved. Doing it again changes nothing, as it
// does after the reservation has expired; after Commit it is an ErrConflict. With
// a ctx that has ended it does nothing, and the credits stay out of reach until
// they expire: give it one that outlives the request (context.WithoutCancel).
func (c *Client) Release(ctx context.Context, reservationID string) error {
	if err := checkID(reservationID); err != nil {
		return err
	}
	return c.do(ctx, release(reservationID))
}

// release is the call that returns a reservation.
func release(id string) call {
	return call{
		method:  http.MethodPost,
		path:    "/refund-reservation",
		settles: true,
		names:   "reservation",
		body:    wire.CreditReleaseRequest{ReservationID: id},
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
	}
}
