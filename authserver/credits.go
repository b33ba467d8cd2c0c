package authserver

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

// The operations that a service key may allow, as the last part of their
// routes has them.
const (
	opBalance = "balance"
	opInit    = "init"
	opUse     = "use"
	opRefund  = "refund"
	opGrant   = "grant"
	opReserve = "reserve"
	opCommit  = "commit"
	opRelease = "refund-reservation"
	opHistory = "transactions"
)

// credits are the routes of the ledger.
type credits struct {
	out   responder
	books *ledger.Ledger
	daily int64
}

// creditRoutes are those of end users, and those of services under either of
// their prefixes.
func (e endpoints) creditRoutes(limit func(endpoint) endpoint) []route {
	c, service := e.credits, e.service
	spend := service.route(opUse, limit, c.serviceUse)
	userSpend := limit(e.person.route(c.userUse))
	routes := []route{
		{"GET " + wire.CreditsPath + "/balance", limit, e.person.route(c.balance)},
		{"GET " + wire.CreditsPath + "/transactions", limit, e.person.route(c.transactions)},
		{"GET " + wire.CreditsPath + "/purchases", limit, e.person.route(c.noPurchases)},
		{"GET " + wire.CreditsPath + "/packages", limit, c.noPackages},
		{"POST " + wire.CreditsPath + "/use", unlimited, func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get(wire.ServiceKeyHeader) != "" {
				return spend(w, r)
			}
			return userSpend(w, r)
		}},
		{"POST " + wire.InternalCreditsPath + "/use", unlimited, spend},
	}
	for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
		routes = append(routes,
			route{"GET " + prefix + "/balance/{userId}", unlimited, service.route(opBalance, limit, c.serviceBalance)},
			route{"GET " + prefix + "/transactions/{userId}", unlimited, service.route(opHistory, limit, c.serviceTransactions)},
			route{"POST " + prefix + "/init", unlimited, service.route(opInit, limit, c.init)},
			route{"POST " + prefix + "/refund", unlimited, service.route(opRefund, limit, c.refund)},
			route{"POST " + prefix + "/grant", unlimited, service.route(opGrant, limit, c.grant)},
			route{"POST " + prefix + "/reserve", unlimited, service.route(opReserve, limit, c.reserve)},
			route{"POST " + prefix + "/commit", unlimited, service.route(opCommit, limit, c.commit)},
			route{"POST " + prefix + "/refund-reservation", unlimited, service.route(opRelease, limit, c.release)},
		)
	}
	return routes
}

// refused is the failure that goes with a refusal of the ledger.
func refused(err error) error {
	for _, r := range []struct {
		reason error
		code   wire.Code
		text   string
	}{
		{ledger.ErrNoUser, wire.NotFound, "User not found"},
		{ledger.ErrNoTransaction, wire.NotFound, "Transaction not found"},
		{ledger.ErrNoReservation, wire.NotFound, "Reservation not found"},
		{ledger.ErrKeyReused, wire.IdempotencyKeyReused, textKeyReused},
		{ledger.ErrTooLarge, wire.InvalidRequest, "Balance would be too large"},
		{ledger.ErrCursor, wire.InvalidRequest, "Malformed cursor"},
		{ledger.ErrNotRefundable, wire.Conflict, "Transaction is not a usage of this user and app"},
		{ledger.ErrOverRefund, wire.Conflict, "Refund exceeds what is left of the transaction"},
		{ledger.ErrOverCommit, wire.Conflict, "Amount exceeds the reservation"},
		{ledger.ErrCommitted, wire.Conflict, "Reservation was already committed"},
		{ledger.ErrReleased, wire.Conflict, "Reservation was already released"},
		{ledger.ErrExpired, wire.Conflict, "Reservation expired"},
	} {
		if errors.Is(err, r.reason) {
			return fail(r.code, r.text)
		}
	}
	return err
}

// detailed writes the answers to a service that tell more than the envelope
// does, and hands on every other refusal.
func (h credits) detailed(w http.ResponseWriter, r *http.Request, err error, operation string) error {
	var (
		short  *ledger.InsufficientError
		reused *ledger.KeyReusedError
	)
	if errors.As(err, &reused) {
		h.out.respond(w, r, http.StatusUnprocessableEntity, wire.KeyReusedEnvelope{
			Envelope: wire.NewEnvelope(wire.IdempotencyKeyReused, textKeyReused, r.URL.EscapedPath(), h.out.now()),
			Details:  wire.KeyReusedDetails{State: string(reused.State)},
		})
		return nil
	}
	if !errors.As(err, &short) {
		return refused(err)
	}
	h.out.respond(w, r, http.StatusPaymentRequired, wire.InsufficientEnvelope{
		Envelope: wire.NewEnvelope(wire.InsufficientCredits, textInsufficient, r.URL.EscapedPath(), h.out.now()),
		Details: wire.InsufficientDetails{
			RequiredCredits: short.Required, AvailableCredits: short.Available, CreditType: "user", Operation: operation,
		},
	})
	return nil
}

const (
	textInsufficient = "Insufficient credits"
	textKeyReused    = "Idempotency key was already used for another request"
)

func (h credits) balanceOf(a ledger.Account) wire.CreditBalance {
	return wire.CreditBalance{
		Balance: a.Paid, FreeCreditsRemaining: a.Free, TotalEarned: a.Earned, TotalSpent: a.Spent, DailyFreeCredits: h.daily,
	}
}

// moved is the answer to what wrote a transaction.
func (h credits) moved(w http.ResponseWriter, r *http.Request, result ledger.Result) {
	t := result.Transaction
	body := wire.CreditUseResponse{
		Success:     true,
		Transaction: wireTransaction(t),
		NewBalance:  wire.CreditNewBalance{Balance: t.PaidAfter, FreeCreditsRemaining: t.FreeAfter, TotalSpent: t.SpentAfter},
	}
	if result.Replayed {
		body.Message = wire.CreditReplayed
	}
	h.out.respond(w, r, http.StatusCreated, body)
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
		OrganizationID: nullable(t.OrganizationID), Metadata: metadata, IdempotencyKey: nullable(t.Key),
		CreatedAt: at, CompletedAt: &at,
	}
}
