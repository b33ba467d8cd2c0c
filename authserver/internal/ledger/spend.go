package ledger

import (
	"cmp"
	"time"
)

// take takes credits out of the account, free ones first, and returns how many
// of them were free.
func (a *account) take(amount int64) (free int64) {
	free = min(amount, a.Free)
	a.Free -= free
	a.Paid -= amount - free
	return free
}

// afford refuses an amount that the account can't pay, or that would make its
// total too large.
func (a *account) afford(amount int64) error {
	if available := a.Spendable(); available < amount {
		return &InsufficientError{Required: amount, Available: available}
	}
	if a.Spent > MaxCredits-amount-a.HeldPaid-a.HeldFree {
		return ErrTooLarge
	}
	return nil
}

func (b *Book) use(op Op) (Result, error) {
	a, err := b.open(op.UserID, true)
	if err != nil {
		return Result{}, err
	}
	if err := a.afford(op.Amount); err != nil {
		return Result{}, err
	}
	free := a.take(op.Amount)
	return Result{Transaction: b.charge(a, op.Amount, Transaction{
		Source: op.Source, Free: -free, AppID: op.AppID, Description: op.Description, Metadata: op.Metadata,
		Key: op.Key, Body: keyBody(op),
	})}, nil
}

// keyBody is the digest that is stored with a key. It is zero without a key.
func keyBody(op Op) Digest {
	if op.Key == "" {
		return Digest{}
	}
	return op.body
}

// charge writes the usage of credits that were taken out of the account.
func (b *Book) charge(a *account, amount int64, t Transaction) Transaction {
	a.Spent += amount
	a.UpdatedAt = b.now
	t.Type, t.Amount = Usage, -amount
	b.count(a.UserID, t.AppID, amount, 0, 1)
	return b.write(a, t)
}

func (b *Book) reserve(op Op) (Result, error) {
	a, err := b.open(op.UserID, true)
	if err != nil {
		return Result{}, err
	}
	if err := a.afford(op.Amount); err != nil {
		return Result{}, err
	}
	free := a.take(op.Amount)
	a.HeldFree += free
	a.HeldPaid += op.Amount - free
	a.UpdatedAt = b.now
	a.changed = true
	h := &hold{Reservation: Reservation{
		ID: b.newID(), UserID: op.UserID, AppID: op.AppID, Amount: op.Amount, Free: free, Reason: op.Reason,
		Key: op.Key, Body: keyBody(op), Balance: a.Spendable(),
		CreatedAt: b.now, ExpiresAt: b.now.Add(op.Lifetime), State: Open,
	}}
	if a.returned(h) { // by a server whose clock is ahead
		h.ExpiresAt = a.ReturnedTo.Add(time.Millisecond)
	}
	b.indexHold(h)
	return Result{Reservation: h.Reservation}, nil
}

// reservation finds a reservation of the app, and its account.
func (b *Book) reservation(op Op) (*hold, *account, error) {
	h := b.reservations[op.ReservationID]
	if h == nil || h.AppID != op.AppID {
		return nil, nil, ErrNoReservation
	}
	a, err := b.open(h.UserID, false)
	return h, a, err
}

func (b *Book) commit(op Op) (Result, error) {
	h, a, err := b.reservation(op)
	if err != nil {
		return Result{}, err
	}
	amount := cmp.Or(op.Amount, h.Amount)
	switch {
	case h.State == Committed && h.Charged == amount:
		return Result{Replayed: true, Reservation: h.Reservation, Transaction: Transaction{ID: h.TransactionID}}, nil
	case h.State == Committed:
		return Result{}, ErrCommitted
	case h.State == Released:
		return Result{}, ErrReleased
	case h.State == Expired:
		return Result{}, ErrExpired
	case amount > h.Amount:
		return Result{}, ErrOverCommit
	}
	b.settle(a, h, Committed)
	free := min(amount, h.Free) // of the reserved credits, whatever was added since
	a.Free -= free
	a.Paid -= amount - free
	t := b.charge(a, amount, Transaction{
		Source: op.Source, Free: -free, AppID: h.AppID, Description: cmp.Or(op.Description, h.Reason),
		OrganizationID: h.OrganizationID, ReservationID: h.ID,
	})
	h.Charged, h.TransactionID, h.SettledBalance = amount, t.ID, a.Spendable()
	return Result{Transaction: t, Reservation: h.Reservation}, nil
}

func (b *Book) release(op Op) (Result, error) {
	h, a, err := b.reservation(op)
	if err != nil {
		return Result{}, err
	}
	switch h.State {
	case Committed:
		return Result{}, ErrCommitted
	case Released, Expired: // the credits were returned already
		return Result{Replayed: true, Reservation: h.Reservation}, nil
	}
	b.settle(a, h, Released)
	return Result{Reservation: h.Reservation}, nil
}
