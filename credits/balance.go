package credits

import (
	"context"
	"net/http"
	"net/url"

	"github.com/manacore/manacore-go/internal/wire"
)

// Balance is what a user has, in credits. What reservations hold is in none of
// it.
type Balance struct {
	Paid   int64
	Free   int64 // spent before paid ones
	Daily  int64 // free credits that a day brings
	Earned int64 // paid credits ever got
	Spent  int64 // ever spent
}

// Available is what the user may spend now.
func (b Balance) Available() int64 { return b.Paid + b.Free }

// Balance reads a user's balance. The ledger makes an account where there is
// none, with the signup bonus.
func (c *Client) Balance(ctx context.Context, userID string) (Balance, error) {
	if err := checkUser(userID); err != nil {
		return Balance{}, err
	}
	var b Balance
	err := c.do(ctx, call{
		method: http.MethodGet,
		path:   "/balance/" + url.PathEscape(userID),
		read: func(a *answer) error {
			var body wire.CreditBalance
			if err := a.into(&body, "balance", "totalEarned", "totalSpent"); err != nil {
				return err
			}
			b = Balance{
				Paid: body.Balance, Free: body.FreeCreditsRemaining, Daily: body.DailyFreeCredits,
				Earned: body.TotalEarned, Spent: body.TotalSpent,
			}
			if c.config.withFree() {
				b.Paid -= b.Free
			}
			return sane(b.Paid, b.Free, b.Daily, b.Earned, b.Spent, b.Available())
		},
	})
	if err != nil {
		return Balance{}, err
	}
	return b, nil
}

// Check tells whether a user could pay amount now: nil, or ErrInsufficient.
// It reserves nothing: between a Check and a Consume somebody else may spend.
// Only Reserve makes sure.
func (c *Client) Check(ctx context.Context, userID string, amount int64) error {
	if err := checkAmount(amount); err != nil {
		return err
	}
	b, err := c.Balance(ctx, userID)
	if err != nil {
		return err
	}
	if b.Available() < amount {
		return &InsufficientError{Required: amount, Available: b.Available()}
	}
	return nil
}
