package authserver

import (
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

func (h credits) balance(w http.ResponseWriter, r *http.Request, userID string) error {
	account, err := h.books.Balance(r.Context(), userID)
	if err != nil {
		return refused(err)
	}
	h.out.respond(w, r, http.StatusOK, h.balanceOf(account))
	return nil
}

// userUse is what a user's own client reports as spent. It takes from that
// user alone and is marked, so that no app takes it for a payment.
func (h credits) userUse(w http.ResponseWriter, r *http.Request, userID string) error {
	f, err := readFormUpTo(w, r, maxCreditBody)
	if err != nil {
		return err
	}
	op := ledger.Op{Kind: ledger.Use, Source: ledger.FromUser, UserID: userID}
	f.spending(&op)
	if err := f.finish(); err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if errors.Is(err, ledger.ErrInsufficient) {
		// 400, and not 402 as for services: clients in the field know no other.
		body := wire.NewEnvelope(wire.InsufficientCredits, textInsufficient, r.URL.EscapedPath(), h.out.now())
		body.StatusCode = http.StatusBadRequest
		h.out.respond(w, r, body.StatusCode, body)
		return nil
	}
	if err != nil {
		return refused(err)
	}
	h.moved(w, r, result)
	return nil
}

func (h credits) transactions(w http.ResponseWriter, r *http.Request, userID string) error {
	return h.history(w, r, userID, func(ledger.Transaction) bool { return true })
}

// history answers a page of a user's transactions, of which those are shown
// that the caller may see.
func (h credits) history(w http.ResponseWriter, r *http.Request, userID string, shown func(ledger.Transaction) bool) error {
	page, err := readPage(r)
	if err != nil {
		return err
	}
	list, next, err := h.books.History(r.Context(), userID, page)
	if err != nil {
		return refused(err)
	}
	body := make([]wire.CreditTransaction, 0, len(list))
	for _, t := range list {
		if shown(t) {
			body = append(body, wireTransaction(t))
		}
	}
	if next != "" {
		w.Header().Set(wire.NextCursorHeader, next)
	}
	h.out.respond(w, r, http.StatusOK, body)
	return nil
}

// noPurchases and noPackages answer with empty lists: credits are sold
// elsewhere and granted here.
func (h credits) noPurchases(w http.ResponseWriter, r *http.Request, _ string) error {
	return h.noPackages(w, r)
}

func (h credits) noPackages(w http.ResponseWriter, r *http.Request) error {
	h.out.respond(w, r, http.StatusOK, []struct{}{})
	return nil
}
