package creditsapi

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	textInsufficient = "Insufficient credits"
	textKeyReused    = "Idempotency key was already used for another request"
)

// refusals are the answers to the refusals of the ledger.
var refusals = []struct {
	reason error
	code   wire.Code
	text   string
}{
	{reason: ledger.ErrNoUser, code: wire.NotFound, text: "User not found"},
	{reason: ledger.ErrNoTransaction, code: wire.NotFound, text: "Transaction not found"},
	{reason: ledger.ErrNoReservation, code: wire.NotFound, text: "Reservation not found"},
	{reason: ledger.ErrKeyReused, code: wire.IdempotencyKeyReused, text: textKeyReused},
	{reason: ledger.ErrTooLarge, code: wire.InvalidRequest, text: "Balance would be too large"},
	{reason: ledger.ErrCursor, code: wire.InvalidRequest, text: "Malformed cursor"},
	{reason: ledger.ErrOffset, code: wire.InvalidRequest, text: "offset must not be greater than 10000 here: use the cursor"},
	{reason: ledger.ErrNotRefundable, code: wire.Conflict, text: "Transaction is not a usage of this user and app"},
	{reason: ledger.ErrOverRefund, code: wire.Conflict, text: "Refund exceeds what is left of the transaction"},
	{reason: ledger.ErrOverCommit, code: wire.Conflict, text: "Amount exceeds the reservation"},
	{reason: ledger.ErrCommitted, code: wire.Conflict, text: "Reservation was already committed"},
	{reason: ledger.ErrReleased, code: wire.Conflict, text: "Reservation was already released"},
	{reason: ledger.ErrExpired, code: wire.Conflict, text: "Reservation expired"},
}

// refused turns a refusal of the ledger into the answer to it, and returns
// every other error as it is.
func refused(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.reason) {
			return web.Fail(r.code, r.text)
		}
	}
	return err
}

// refusedInDetail writes the answers to a service that say more than the
// envelope does. Every other refusal is returned.
func (a *API) refusedInDetail(w http.ResponseWriter, r *http.Request, err error, operation string) error {
	var (
		short  *ledger.InsufficientError
		reused *ledger.KeyReusedError
	)
	out := a.config.Out
	switch {
	case errors.As(err, &reused):
		out.Respond(w, r, http.StatusUnprocessableEntity, wire.KeyReusedEnvelope{
			Envelope: out.Envelope(r, wire.IdempotencyKeyReused, textKeyReused),
			Details:  wire.KeyReusedDetails{State: string(reused.State)},
		})
	case errors.As(err, &short):
		out.Respond(w, r, http.StatusPaymentRequired, wire.InsufficientEnvelope{
			Envelope: out.Envelope(r, wire.InsufficientCredits, textInsufficient),
			Details:  wire.NewInsufficientDetails(short.Required, short.Available, operation),
		})
	default:
		return refused(err)
	}
	return nil
}

func (a *API) answerBalance(w http.ResponseWriter, r *http.Request, userID string) error {
	account, err := a.config.Ledger.Balance(r.Context(), userID)
	if err != nil {
		return refused(err)
	}
	a.config.Out.Respond(w, r, http.StatusOK, wire.CreditBalance{
		Balance: account.Paid, FreeCreditsRemaining: account.Free, TotalEarned: account.Earned, TotalSpent: account.Spent,
		DailyFreeCredits: a.config.DailyFree,
	}.At(r.URL.Path))
	return nil
}

// answerPage answers a page of a user's transactions, of an app and its sources
// or, without an app, of any.
func (a *API) answerPage(w http.ResponseWriter, r *http.Request, userID string, page ledger.Page) error {
	list, next, err := a.config.Ledger.History(r.Context(), userID, page)
	if err != nil {
		return refused(err)
	}
	body := make([]wire.CreditTransaction, 0, len(list))
	for _, t := range list {
		body = append(body, wireTransaction(t))
	}
	if next != "" {
		w.Header().Set(wire.NextCursorHeader, next)
	}
	a.config.Out.Respond(w, r, http.StatusOK, body)
	return nil
}

// answerMoved answers an operation that wrote a transaction.
func (a *API) answerMoved(w http.ResponseWriter, r *http.Request, result ledger.Result) {
	t := result.Transaction
	body := wire.CreditUseResponse{
		Success:     true,
		Transaction: wireTransaction(t),
		NewBalance:  wire.CreditNewBalance{Balance: t.PaidAfter, FreeCreditsRemaining: t.FreeAfter, TotalSpent: t.SpentAfter},
	}
	if result.Replayed {
		body.Message = wire.CreditReplayed
	}
	a.config.Out.Respond(w, r, http.StatusCreated, body)
}

func wireTransaction(t ledger.Transaction) wire.CreditTransaction {
	at := wire.Timestamp(t.CreatedAt)
	metadata := jsontext.Value("null")
	if t.Metadata != "" {
		metadata = jsontext.Value(t.Metadata)
	}
	return wire.CreditTransaction{
		ID: t.ID, UserID: t.UserID, Type: string(t.Type), Status: "completed", Amount: t.Amount,
		BalanceBefore: t.Before, BalanceAfter: t.After, AppID: t.AppID, Description: t.Description,
		OrganizationID: web.Nullable(t.OrganizationID), Metadata: metadata, IdempotencyKey: web.Nullable(t.Key), Source: string(t.Source),
		CreatedAt: at, CompletedAt: &at,
	}
}
