package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

func (a *API) eventsRoute() web.Route {
	return web.Route{
		Pattern: "GET " + wire.SecurityEventsPath, Access: a.Users(), Limit: web.LimitDefault,
		Endpoint: web.Plain(a.events),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: []wire.SecurityEvent{}}},
	}
}

func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	events, err := a.Identity.SecurityEvents(r.Context(), identity.CallerFrom(r.Context()).User.ID)
	if err != nil {
		return err
	}
	answer := make([]wire.SecurityEvent, 0, len(events))
	for _, e := range events {
		answer = append(answer, wire.SecurityEvent{
			ID:        e.ID,
			EventType: e.Type,
			IPAddress: web.Nullable(e.IPAddress),
			UserAgent: web.Nullable(e.UserAgent),
			Metadata:  e.Metadata,
			CreatedAt: wire.Timestamp(e.CreatedAt),
		})
	}
	a.Out.Respond(w, r, http.StatusOK, answer)
	return nil
}

// passwordForm is the body of a change of password.
type passwordForm struct {
	current, next string
	shortest      int
}

// Fields implements web.Form.
func (f *passwordForm) Fields() []form.Field {
	return []form.Field{
		form.Password("currentPassword", &f.current, 1, form.MaxLoginPassword),
		form.Password("newPassword", &f.next, f.shortest, form.MaxPassword),
	}
}

func (a *API) changePasswordRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.ChangePasswordPath, Access: a.Users(), Limit: web.LimitDefault,
		Endpoint: web.BodyOf(func() passwordForm { return passwordForm{shortest: a.PasswordMinLength} }, a.changePassword),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SuccessResponse{}}},
		Errors:   []wire.Code{wire.InvalidCredentials, wire.AccountLocked},
	}
}

func (a *API) changePassword(w http.ResponseWriter, r *http.Request, f passwordForm) error {
	caller := identity.CallerFrom(r.Context())
	if err := a.Identity.ChangePassword(r.Context(), a.origin(r), caller, f.current, f.next); err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Password changed successfully"})
	return nil
}

// deletionForm is the body of the deletion of an account.
type deletionForm struct{ password, reason string }

// Fields implements web.Form.
func (f *deletionForm) Fields() []form.Field {
	return []form.Field{
		form.Password("password", &f.password, 1, form.MaxLoginPassword),
		form.Text("reason", &f.reason),
	}
}

func (a *API) deleteAccountRoute() web.Route {
	return web.Route{
		Pattern: "DELETE " + wire.AccountPath, Access: a.Users(), Limit: web.LimitDefault,
		Endpoint: web.Body(a.deleteAccount),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SuccessResponse{}}},
		Errors:   []wire.Code{wire.InvalidCredentials, wire.AccountLocked},
	}
}

func (a *API) deleteAccount(w http.ResponseWriter, r *http.Request, f deletionForm) error {
	caller := identity.CallerFrom(r.Context())
	if err := a.Identity.DeleteAccount(r.Context(), a.origin(r), caller, f.password, f.reason); err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Account deleted successfully"})
	return nil
}
