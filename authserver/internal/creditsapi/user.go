package creditsapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

// userFrom is the id of the user that was admitted.
func userFrom(ctx context.Context) string { return identity.CallerFrom(ctx).User.ID }

func (a *API) balance(w http.ResponseWriter, r *http.Request) error {
	return a.answerBalance(w, r, userFrom(r.Context()))
}

func (a *API) transactions(w http.ResponseWriter, r *http.Request, q pageQuery) error {
	return a.answerPage(w, r, userFrom(r.Context()), q.page())
}

func (a *API) usage(w http.ResponseWriter, r *http.Request, q usageQuery) error {
	return a.answerUsage(w, r, q, ledger.UsageQuery{UserID: userFrom(r.Context())})
}

// use records what a user's own client reports as spent. It takes credits from
// that user only. Its transaction is marked, so that no app takes it for a
// payment.
func (a *API) use(w http.ResponseWriter, r *http.Request, f spending) error {
	result, err := a.book(r, f.op(ledger.Use, ledger.FromUser, userFrom(r.Context())))
	if errors.Is(err, ledger.ErrInsufficient) {
		// The status is 400, and not 402 as for services, because existing
		// clients know only 400.
		body := a.config.Out.Envelope(r, wire.InsufficientCredits, textInsufficient)
		body.StatusCode, body.Status = http.StatusBadRequest, http.StatusBadRequest
		a.config.Out.Respond(w, r, body.StatusCode, body)
		return nil
	}
	if err != nil {
		return refused(err)
	}
	a.answerMoved(w, r, result)
	return nil
}

// nothing answers with an empty list of purchases or packages, because credits
// are sold elsewhere and granted here.
func (a *API) nothing(w http.ResponseWriter, r *http.Request) error {
	a.config.Out.Respond(w, r, nothing.Status, nothing.Body)
	return nil
}
