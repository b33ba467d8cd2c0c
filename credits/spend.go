package credits

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// ConsumeParams is what Consume takes.
type ConsumeParams struct {
	UserID    string
	Amount    int64          // 1 to MaxAmount
	Operation string         // what for; the transaction's description
	Metadata  map[string]any // kept with the transaction; nil: none
	// Key under which the operation takes place once: the same operation again
	// has the same result, another one is an ErrKeyReused. It belongs to the
	// user and the app. "": one is made for this call, so that the client can
	// repeat it, and the caller can't.
	Key string
}

// RefundParams is what Refund takes.
type RefundParams struct {
	UserID    string
	Amount    int64  // 1 to MaxAmount
	Operation string // why; the transaction's description
	// TransactionID of what was taken: never more than that comes back. "": the
	// ledger takes the newest spending of this app that covers it.
	TransactionID string
	Metadata      map[string]any // nil: none
	Key           string         // as that of ConsumeParams
}

// Receipt is a transaction that took place, by this call or an earlier one
// with the same key.
type Receipt struct {
	TransactionID string
	Paid, Free    int64 // what the user had after it
	Replayed      bool  // by an earlier call
}

// Consume takes credits at once. Where something can fail afterwards, Reserve
// is right. A call that ends with ErrUnavailable may have taken them, and only
// the same call with the same Key finds out: without a Key nobody can.
func (c *Client) Consume(ctx context.Context, p ConsumeParams) (Receipt, error) {
	metadata, err := checkSpend(p.UserID, p.Amount, p.Operation, p.Metadata)
	if err != nil {
		return Receipt{}, err
	}
	key, err := keyOr(p.Key)
	if err != nil {
		return Receipt{}, err
	}
	return c.transact(ctx, -p.Amount, p.UserID, key, call{
		method: http.MethodPost,
		path:   "/use",
		body: wire.CreditUseRequest{
			UserID: p.UserID, Amount: p.Amount, AppID: c.config.AppID, Description: p.Operation,
			IdempotencyKey: key, Metadata: metadata,
		},
		userID:   p.UserID,
		required: p.Amount, operation: p.Operation,
		conflictPasses: true,
	})
}

// Refund gives credits back that were taken by this app.
func (c *Client) Refund(ctx context.Context, p RefundParams) (Receipt, error) {
	metadata, err := checkSpend(p.UserID, p.Amount, p.Operation, p.Metadata)
	if err != nil {
		return Receipt{}, err
	}
	names := ""
	if p.TransactionID != "" {
		names = "transaction"
		if err := checkID(p.TransactionID); err != nil {
			return Receipt{}, err
		}
	}
	key, err := keyOr(p.Key)
	if err != nil {
		return Receipt{}, err
	}
	return c.transact(ctx, p.Amount, p.UserID, key, call{
		method: http.MethodPost,
		path:   "/refund",
		body: wire.CreditRefundRequest{
			UserID: p.UserID, Amount: p.Amount, AppID: c.config.AppID, Description: p.Operation,
			TransactionID: p.TransactionID, IdempotencyKey: key, Metadata: metadata,
		},
		names:          names,
		conflictPasses: true,
	})
}

// transact runs a call that answers with a transaction of that change.
func (c *Client) transact(ctx context.Context, change int64, userID, key string, op call) (Receipt, error) {
	var r Receipt
	op.read = func(a *answer) error {
		var body struct {
			wire.CreditUseResponse
			NewBalance *wire.CreditNewBalance `json:"newBalance"`
		}
		if err := a.into(&body, "success", "transaction"); err != nil {
			return err
		}
		t, replayed := body.Transaction, body.Message == wire.CreditReplayed
		if !body.Success || !isID(t.ID) || t.IdempotencyKey != nil && *t.IdempotencyKey != key {
			return errAnswer
		}
		if t.UserID != userID || t.AppID != c.config.AppID || t.Amount != change {
			if replayed && t.IdempotencyKey != nil {
				return ErrKeyReused // the standalone service answers with what has the key
			}
			return errAnswer
		}
		r = Receipt{TransactionID: t.ID, Replayed: replayed}
		switch {
		case body.NewBalance != nil:
			r.Paid, r.Free = body.NewBalance.Balance, body.NewBalance.FreeCreditsRemaining
		case replayed: // there the standalone service has none, and no free credits
			r.Paid = t.BalanceAfter
		default:
			return errAnswer
		}
		return sane(r.Paid, r.Free, r.Paid+r.Free, t.BalanceBefore, t.BalanceAfter)
	}
	if err := c.do(ctx, op); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

func checkSpend(userID string, amount int64, operation string, metadata map[string]any) (jsontext.Value, error) {
	if err := checkUser(userID); err != nil {
		return nil, err
	}
	if err := checkAmount(amount); err != nil {
		return nil, err
	}
	if operation == "" {
		return nil, invalid("the operation has no name")
	}
	if metadata == nil {
		return nil, nil
	}
	doc, err := json.Marshal(metadata, json.Deterministic(true))
	if err != nil {
		return nil, invalid("the metadata is not JSON")
	}
	return doc, nil
}
