package memledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// refusal is an answer that is not the one asked for.
type refusal struct {
	code    wire.Code
	message any // a string or a []string
	details any // nil: none
}

func (r *refusal) Error() string { return string(r.code) }

func insufficient(required, available int64, operation string) error {
	return &refusal{wire.InsufficientCredits, "Insufficient credits", wire.NewInsufficientDetails(required, available, operation)}
}

func conflict(message string) error { return &refusal{code: wire.Conflict, message: message} }

// keyed answers an operation whose key is known with what came of it then, and
// runs every other one.
func (l *Ledger) keyed(userID, appID, key, operation string, run func() (any, *hold, error)) (any, error) {
	if key == "" {
		answer, _, err := run()
		return answer, err
	}
	ref := keyRef{userID, appID, key}
	switch known := l.used[ref]; {
	case known == nil:
	case known.operation == operation:
		if use, ok := known.answer.(wire.CreditUseResponse); ok {
			use.Message = wire.CreditReplayed
			return use, nil
		}
		return known.answer, nil
	default:
		r := &refusal{code: wire.IdempotencyKeyReused, message: "Idempotency key was used for another operation"}
		if known.hold != nil {
			r.details = wire.KeyReusedDetails{State: known.hold.state}
		}
		return nil, r
	}
	answer, h, err := run()
	if err == nil {
		l.used[ref] = &outcome{operation, answer, h}
	}
	return answer, err
}

func (l *Ledger) use(appID string, r wire.CreditUseRequest) (any, error) {
	a := l.open(r.UserID)
	return l.keyed(r.UserID, appID, r.IdempotencyKey, fmt.Sprintf("use %d %q %s", r.Amount, r.Description, r.Metadata), func() (any, *hold, error) {
		if a.spendable() < r.Amount {
			return nil, nil, insufficient(r.Amount, a.spendable(), r.Description)
		}
		row := l.charge(a, a.take(r.Amount), wire.CreditTransaction{
			UserID: r.UserID, Amount: -r.Amount, AppID: appID, Description: r.Description, Metadata: r.Metadata, IdempotencyKey: optional(r.IdempotencyKey),
		})
		return a.receipt(row), nil, nil
	})
}

func (a *account) receipt(row wire.CreditTransaction) wire.CreditUseResponse {
	return wire.CreditUseResponse{Success: true, Transaction: row, NewBalance: wire.CreditNewBalance{
		Balance: a.paid, FreeCreditsRemaining: a.free, TotalSpent: a.took,
	}}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (l *Ledger) refund(appID string, r wire.CreditRefundRequest) (any, error) {
	a := l.open(r.UserID)
	operation := fmt.Sprintf("refund %d %q %q %s", r.Amount, r.Description, r.TransactionID, r.Metadata)
	return l.keyed(r.UserID, appID, r.IdempotencyKey, operation, func() (any, *hold, error) {
		u, err := l.refundable(a, appID, r)
		if err != nil {
			return nil, nil, err
		}
		// What was taken last comes back first: paid credits before free ones.
		paid := min(r.Amount, u.paid)
		u.paid -= paid
		u.free -= r.Amount - paid
		a.paid += paid
		a.free += r.Amount - paid
		a.took -= r.Amount
		row := l.write(a, wire.CreditTransaction{
			UserID: r.UserID, Type: "refund", Amount: r.Amount, AppID: appID, Description: r.Description, Metadata: r.Metadata, IdempotencyKey: optional(r.IdempotencyKey),
		})
		return a.receipt(row), nil, nil
	})
}

// refundable finds the usage that a refund belongs to: the one it names, or
// else the app's newest with enough left.
func (l *Ledger) refundable(a *account, appID string, r wire.CreditRefundRequest) (*usage, error) {
	if r.TransactionID != "" {
		switch u := l.taken[r.TransactionID]; {
		case u == nil:
			return nil, &refusal{code: wire.NotFound, message: "Transaction not found"}
		case u.userID != r.UserID || u.appID != appID:
			return nil, conflict("Transaction is not a usage of this user and app")
		case u.paid+u.free < r.Amount:
			return nil, conflict("More than is left to refund")
		default:
			return u, nil
		}
	}
	for _, v := range slices.Backward(a.usages) {
		if u := v; u.appID == appID && u.paid+u.free >= r.Amount {
			return u, nil
		}
	}
	return nil, conflict("More than is left to refund")
}

func (l *Ledger) reserve(appID string, r wire.CreditReserveRequest) (any, error) {
	a := l.open(r.UserID)
	return l.keyed(r.UserID, appID, r.IdempotencyKey, fmt.Sprintf("reserve %d %q %d", r.Amount, r.Reason, r.ExpiresIn), func() (any, *hold, error) {
		if a.spendable() < r.Amount {
			return nil, nil, insufficient(r.Amount, a.spendable(), r.Reason)
		}
		h := &hold{
			id: l.id(), userID: r.UserID, appID: appID, reason: r.Reason, amount: r.Amount, free: a.take(r.Amount),
			expires: l.config.Now().Add(cmp.Or(time.Duration(r.ExpiresIn)*time.Second, defaultLifetime)), state: wire.ReservationOpen,
		}
		a.held += r.Amount
		l.holds[h.id] = h
		return wire.CreditReserveResponse{ReservationID: h.id, Balance: a.spendable(), ExpiresAt: wire.Timestamp(h.expires)}, h, nil
	})
}

// reservation finds the reservation of the app, and its account.
func (l *Ledger) reservation(appID, id string) (*hold, *account, error) {
	h := l.holds[id]
	if h == nil || h.appID != appID {
		return nil, nil, &refusal{code: wire.NotFound, message: "Reservation not found"}
	}
	return h, l.open(h.userID), nil
}

func (l *Ledger) commit(appID string, r wire.CreditCommitRequest) (any, error) {
	h, a, err := l.reservation(appID, r.ReservationID)
	if err != nil {
		return nil, err
	}
	amount := h.amount
	if r.Amount != nil {
		amount = *r.Amount
	}
	switch {
	case h.state == wire.ReservationCommitted && h.charged == amount:
	case h.state != wire.ReservationOpen:
		return nil, conflict("Reservation is " + h.state)
	case amount > h.amount:
		return nil, conflict("More than was reserved")
	default:
		a.settle(h, wire.ReservationCommitted)
		free := min(amount, h.free) // of what was set aside, whatever came in since
		a.free -= free
		a.paid -= amount - free
		row := l.charge(a, free, wire.CreditTransaction{UserID: h.userID, Amount: -amount, AppID: appID, Description: cmp.Or(r.Description, h.reason)})
		h.charged, h.transactionID = amount, row.ID
	}
	return wire.CreditCommitResponse{Success: true, TransactionID: h.transactionID}, nil
}

func (l *Ledger) release(appID string, r wire.CreditReleaseRequest) (any, error) {
	h, a, err := l.reservation(appID, r.ReservationID)
	if err != nil {
		return nil, err
	}
	if h.state == wire.ReservationCommitted {
		return nil, conflict("Reservation is committed")
	}
	if h.state == wire.ReservationOpen {
		a.settle(h, wire.ReservationReleased)
	}
	return wire.CreditReleaseResponse{Success: true, Balance: h.settledBalance}, nil
}
