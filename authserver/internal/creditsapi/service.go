package creditsapi

import (
	"cmp"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// pathUser is the user that the path names.
func pathUser(r *http.Request) string { return r.PathValue("userId") }

// checkPathUser checks that the path names a possible user id.
func checkPathUser(r *http.Request) error {
	if !form.IsUserID(pathUser(r)) {
		return invalid("userId must be a valid id")
	}
	return nil
}

// invalid is the answer to input in which one constraint failed.
func invalid(problem string) error {
	return &web.Failure{Code: wire.ValidationFailed, Message: []string{problem}}
}

func (a *API) serviceBalance(w http.ResponseWriter, r *http.Request) error {
	return a.answerBalance(w, r, pathUser(r))
}

// serviceTransactions shows an app its own transactions with a user, and not
// those of other apps. Those that the user's own client reported in its name are
// shown where the query asks for them.
func (a *API) serviceTransactions(w http.ResponseWriter, r *http.Request, q servicePageQuery) error {
	page := q.page()
	page.AppID, page.Sources = appFrom(r.Context()), q.sources()
	return a.answerPage(w, r, pathUser(r), page)
}

// serviceUsage shows an app what a user spent with it.
func (a *API) serviceUsage(w http.ResponseWriter, r *http.Request, q usageQuery) error {
	return a.answerUsage(w, r, q, ledger.UsageQuery{UserID: pathUser(r), AppID: appFrom(r.Context())})
}

func (a *API) init(w http.ResponseWriter, r *http.Request, f initForm) error {
	return a.answerBalance(w, r, f.userID)
}

func (a *API) serviceUse(w http.ResponseWriter, r *http.Request, f useForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return a.refusedInDetail(w, r, err, f.description)
	}
	a.answerMoved(w, r, result)
	return nil
}

func (a *API) refund(w http.ResponseWriter, r *http.Request, f refundForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return refused(err)
	}
	a.answerMoved(w, r, result)
	return nil
}

func (a *API) grant(w http.ResponseWriter, r *http.Request, f grantForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return refused(err)
	}
	t := result.Transaction
	a.config.Out.Respond(w, r, http.StatusOK, wire.CreditGrantResponse{
		OK: true, AlreadyGranted: result.Replayed, NewBalance: t.PaidAfter + t.FreeAfter, TransactionID: t.ID,
	})
	return nil
}

func (a *API) reserve(w http.ResponseWriter, r *http.Request, f reserveForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return a.refusedInDetail(w, r, err, f.reason)
	}
	v := result.Reservation
	a.config.Out.Respond(w, r, http.StatusOK, wire.CreditReserveResponse{
		ReservationID: v.ID, Balance: v.Balance, ExpiresAt: wire.Timestamp(v.ExpiresAt),
	})
	return nil
}

func (a *API) commit(w http.ResponseWriter, r *http.Request, f commitForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return refused(err)
	}
	a.config.Out.Respond(w, r, http.StatusOK, wire.CreditCommitResponse{Success: true, TransactionID: result.Transaction.ID})
	return nil
}

func (a *API) release(w http.ResponseWriter, r *http.Request, f releaseForm) error {
	result, err := a.do(r, f.op())
	if err != nil {
		return refused(err)
	}
	a.config.Out.Respond(w, r, http.StatusOK, wire.CreditReleaseResponse{Success: true, Balance: result.Reservation.SettledBalance})
	return nil
}

// do runs an operation of the service that was admitted. An app that the body
// names has to be the one of the key; with the single key it may be any, and
// where nobody names one it is unknown.
func (a *API) do(r *http.Request, op ledger.Op) (ledger.Result, error) {
	caller, _ := serviceFrom(r.Context())
	if caller.appID != "" && op.AppID != "" && op.AppID != caller.appID {
		return ledger.Result{}, web.Fail(wire.Forbidden, "The service key is not one of app "+op.AppID)
	}
	op.AppID = cmp.Or(caller.appID, op.AppID, servicekey.UnknownApp)
	if op.AppID == servicekey.UnknownApp {
		a.unknownOnce.Do(func() {
			a.config.Out.Log.WarnContext(r.Context(), "a service named no app: its credits are booked to the app unknown, which all such services share",
				"kind", string(op.Kind))
		})
		if op.Kind == ledger.GiveBack && op.TransactionID == "" {
			// Without an app there is nothing by which its own uses are known.
			return ledger.Result{}, invalid("transactionId is required of a service that names no app")
		}
	}
	return a.book(r, op)
}

// keyed are the operations that may have an idempotency key. The others are
// known by a reference or a reservation.
var keyed = map[ledger.Kind]bool{ledger.Use: true, ledger.GiveBack: true, ledger.Reserve: true}

// book runs an operation, under the idempotency key of the request where it may
// have one.
func (a *API) book(r *http.Request, op ledger.Op) (ledger.Result, error) {
	if keyed[op.Kind] {
		key, problem := wire.IdempotencyKey(op.Key, r.Header.Values(wire.IdempotencyKeyHeader))
		if problem != "" {
			return ledger.Result{}, invalid(problem)
		}
		op.Key = key
	}
	return a.config.Ledger.Do(r.Context(), op)
}
