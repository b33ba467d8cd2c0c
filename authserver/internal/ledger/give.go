package ledger

import (
	"cmp"

	"github.com/go-json-experiment/json"
)

func (b *Book) giveBack(op Op) (Result, error) {
	a, err := b.open(op.UserID, false)
	if err != nil {
		return Result{}, err
	}
	usage, err := b.refundable(op)
	if err != nil {
		return Result{}, err
	}
	if a.Total() > MaxCredits-op.Amount {
		return Result{}, ErrTooLarge
	}
	// Credits come back in the reverse order of spending: paid ones before free
	// ones.
	paid := min(op.Amount, max(0, -(usage.Amount-usage.Free)-usage.refunded))
	free := op.Amount - paid
	usage.refunded += op.Amount
	a.Paid += paid
	a.Free += free
	a.Spent -= op.Amount
	a.UpdatedAt = b.now
	b.count(a.UserID, op.AppID, 0, op.Amount, 0)
	return Result{Transaction: b.write(a, Transaction{
		Type: Refund, Source: op.Source, Amount: op.Amount, Free: free, AppID: op.AppID, Description: op.Description,
		Metadata: op.Metadata, OrganizationID: usage.OrganizationID, Key: op.Key, Body: keyBody(op), RefundOf: usage.ID,
	})}, nil
}

// left is how much of a usage can still be refunded.
func (e *entry) left() int64 { return -e.Amount - e.refunded }

// refundable finds the usage that a refund belongs to. It is the usage that the
// refund names, or else the newest one that the app itself reported and that
// has enough left. Either way an app gives back no more than it took.
func (b *Book) refundable(op Op) (*entry, error) {
	if op.TransactionID != "" {
		e := b.transactions[op.TransactionID]
		switch {
		case e == nil:
			return nil, ErrNoTransaction
		case e.Type != Usage || e.UserID != op.UserID || e.AppID != op.AppID:
			return nil, ErrNotRefundable
		case op.Amount > e.left():
			return nil, ErrOverRefund
		}
		return e, nil
	}
	var newest *entry
	for _, e := range b.transactions {
		if e.Type == Usage && e.UserID == op.UserID && e.AppID == op.AppID && e.Source == FromService &&
			op.Amount <= e.left() && (newest == nil || e.Entry > newest.Entry) {
			newest = e
		}
	}
	if newest == nil {
		return nil, ErrOverRefund
	}
	return newest, nil
}

// grantMetadata is the metadata of a grant's transaction.
type grantMetadata struct {
	Reason      string `json:"reason"`
	ReferenceID string `json:"referenceId"`
}

func (b *Book) grant(op Op) (Result, error) {
	if e := b.grants[GrantRef{op.AppID, op.Reference}]; e != nil {
		if e.Body != op.body {
			return Result{}, ErrKeyReused
		}
		return Result{Replayed: true, Transaction: e.Transaction}, nil
	}
	a, err := b.open(op.UserID, true)
	if err != nil {
		return Result{}, err
	}
	if a.Total() > MaxCredits-op.Amount || a.Earned > MaxCredits-op.Amount {
		return Result{}, ErrTooLarge
	}
	metadata, err := json.Marshal(grantMetadata{op.Reason, op.Reference})
	if err != nil {
		return Result{}, err
	}
	a.Paid += op.Amount
	a.Earned += op.Amount
	a.UpdatedAt = b.now
	return Result{Transaction: b.write(a, Transaction{
		Type: Purchase, Source: op.Source, Amount: op.Amount, AppID: op.AppID,
		Description: cmp.Or(op.Description, op.Reason), Metadata: string(metadata), Body: op.body, Reference: op.Reference,
	})}, nil
}
