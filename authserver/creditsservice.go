package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

func (h credits) serviceBalance(w http.ResponseWriter, r *http.Request, _ string) error {
	userID, err := pathUser(r)
	if err != nil {
		return err
	}
	return h.balance(w, r, userID)
}

// serviceTransactions shows an app its own transactions with a user: those of
// other apps are none of its business. A page has at most as many as were
// asked for, and may have none before the last one.
func (h credits) serviceTransactions(w http.ResponseWriter, r *http.Request, appID string) error {
	userID, err := pathUser(r)
	if err != nil {
		return err
	}
	return h.history(w, r, userID, func(t ledger.Transaction) bool { return t.AppID == appID })
}

func pathUser(r *http.Request) (string, error) {
	userID := r.PathValue("userId")
	if !isUserID(userID) {
		return "", &failure{code: wire.ValidationFailed, message: []string{"userId must be a valid id"}}
	}
	return userID, nil
}

func (h credits) init(w http.ResponseWriter, r *http.Request, _ string) error {
	f, err := readFormUpTo(w, r, maxCreditBody)
	if err != nil {
		return err
	}
	userID := f.userID()
	if err := f.finish(); err != nil {
		return err
	}
	return h.balance(w, r, userID)
}

func (h credits) serviceUse(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.Use, appID, func(f *form, op *ledger.Op) {
		op.UserID = f.userID()
		f.spending(op)
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return h.detailed(w, r, err, op.Description)
	}
	h.moved(w, r, result)
	return nil
}

func (h credits) refund(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.GiveBack, appID, func(f *form, op *ledger.Op) {
		op.UserID = f.userID()
		f.spending(op)
		op.TransactionID = f.recordID("transactionId", false)
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return refused(err)
	}
	h.moved(w, r, result)
	return nil
}

func (h credits) grant(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.Grant, appID, func(f *form, op *ledger.Op) {
		op.UserID = f.userID()
		op.Amount = f.credits("amount", true)
		op.Reason = f.words("reason", true, maxText)
		op.Reference = f.words("referenceId", true, maxText)
		op.Description = f.words("description", false, maxDescription)
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return refused(err)
	}
	t := result.Transaction
	h.out.respond(w, r, http.StatusOK, wire.CreditGrantResponse{
		OK: true, AlreadyGranted: result.Replayed, NewBalance: t.PaidAfter + t.FreeAfter, TransactionID: t.ID,
	})
	return nil
}

func (h credits) reserve(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.Reserve, appID, func(f *form, op *ledger.Op) {
		op.UserID = f.userID()
		op.Amount = f.credits("amount", true)
		op.Reason = f.words("reason", true, maxText)
		op.Key = f.words("idempotencyKey", false, maxText)
		op.Lifetime = f.lifetime("expiresIn")
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return h.detailed(w, r, err, op.Reason)
	}
	v := result.Reservation
	h.out.respond(w, r, http.StatusOK, wire.CreditReserveResponse{
		ReservationID: v.ID, Balance: v.Balance, ExpiresAt: wire.Timestamp(v.ExpiresAt),
	})
	return nil
}

func (h credits) commit(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.Commit, appID, func(f *form, op *ledger.Op) {
		op.ReservationID = f.recordID("reservationId", true)
		op.Description = f.words("description", false, maxDescription)
		op.Amount = f.credits("amount", false)
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return refused(err)
	}
	h.out.respond(w, r, http.StatusOK, wire.CreditCommitResponse{Success: true, TransactionID: result.Transaction.ID})
	return nil
}

func (h credits) release(w http.ResponseWriter, r *http.Request, appID string) error {
	op, err := h.read(w, r, ledger.Release, appID, func(f *form, op *ledger.Op) {
		op.ReservationID = f.recordID("reservationId", true)
	})
	if err != nil {
		return err
	}
	result, err := h.books.Do(r.Context(), op)
	if err != nil {
		return refused(err)
	}
	h.out.respond(w, r, http.StatusOK, wire.CreditReleaseResponse{Success: true, Balance: result.Reservation.SettledBalance})
	return nil
}

// read reads the operation that a service asks for. An app that the body
// names has to be the one of the key.
func (h credits) read(w http.ResponseWriter, r *http.Request, kind ledger.Kind, appID string, take func(*form, *ledger.Op)) (ledger.Op, error) {
	f, err := readFormUpTo(w, r, maxCreditBody)
	if err != nil {
		return ledger.Op{}, err
	}
	op := ledger.Op{Kind: kind, Source: ledger.FromService, AppID: appID}
	take(f, &op)
	if err := f.finish(); err != nil {
		return ledger.Op{}, err
	}
	if op.AppID != appID {
		return ledger.Op{}, fail(wire.Forbidden, "The service key is not one of app "+op.AppID)
	}
	return op, nil
}
