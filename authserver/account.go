package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// maxEvents is how many security events a user sees.
const maxEvents = 50

// account is what users do with the own account. What cannot be undone asks
// for the password: an access token may have been left lying about.
type account struct {
	out              *web.Responder
	accounts         store.Accounts
	events           store.Events
	hasher           *password.Hasher
	issuer           issuer
	revoked          *revocations
	shortestPassword int
}

func (h account) routes(users web.Access) []web.Route {
	success := []web.Answer{{Status: http.StatusOK, Body: wire.SuccessResponse{}}}
	return []web.Route{
		{
			Pattern: "GET " + wire.SecurityEventsPath, Access: users, Limit: web.LimitDefault,
			Endpoint: web.Plain(h.securityEvents),
			Answers:  []web.Answer{{Status: http.StatusOK, Body: []wire.SecurityEvent{}}},
		},
		{
			Pattern: "POST " + wire.ChangePasswordPath, Access: users, Limit: web.LimitDefault,
			Endpoint: web.BodyOf(func() passwordForm { return passwordForm{shortest: h.shortestPassword} }, h.changePassword),
			Answers:  success,
			Errors:   []wire.Code{wire.InvalidCredentials},
		},
		{
			Pattern: "DELETE " + wire.AccountPath, Access: users, Limit: web.LimitDefault,
			Endpoint: web.Body(h.remove),
			Answers:  success,
			Errors:   []wire.Code{wire.InvalidCredentials},
		},
	}
}

func (h account) securityEvents(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	events, err := h.events.SecurityEvents(r.Context(), c.User.ID, maxEvents)
	if err != nil {
		return err
	}
	answer := make([]wire.SecurityEvent, 0, len(events))
	for _, e := range events {
		answer = append(answer, wire.SecurityEvent{
			ID:        e.ID,
			EventType: e.Type,
			IPAddress: nullable(e.IPAddress),
			UserAgent: nullable(e.UserAgent),
			Metadata:  e.Metadata,
			CreatedAt: wire.Timestamp(e.CreatedAt),
		})
	}
	h.out.Respond(w, r, http.StatusOK, answer)
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

func (h account) changePassword(w http.ResponseWriter, r *http.Request, f passwordForm) error {
	c := identity.CallerFrom(r.Context())
	old, err := h.proven(r.Context(), c.User, f.current)
	if err != nil {
		return err
	}
	hash, err := h.hasher.Hash(r.Context(), f.next)
	if err != nil {
		return err
	}
	ended, err := h.accounts.ChangePassword(r.Context(), store.PasswordChange{
		UserID: c.User.ID, Old: old, New: hash, Keep: c.Session.ID, Event: h.issuer.event(r, store.EventPasswordChanged),
	})
	if errors.Is(err, store.ErrNotFound) {
		return wrongPassword() // it was changed meanwhile
	}
	if err != nil {
		return err
	}
	h.revoked.note(ended)
	h.out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Password changed successfully"})
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

func (h account) remove(w http.ResponseWriter, r *http.Request, f deletionForm) error {
	c := identity.CallerFrom(r.Context())
	if _, err := h.proven(r.Context(), c.User, f.password); err != nil {
		return err
	}
	event := h.issuer.event(r, store.EventUserDeleted)
	if f.reason != "" {
		event.Metadata = eventMetadata("reason", f.reason)
	}
	_, ended, err := h.accounts.ChangeUser(r.Context(), c.User.ID, store.Delete, event)
	if errors.Is(err, store.ErrNotFound) {
		return web.Fail(wire.InvalidToken, textInvalidToken) // deleted meanwhile
	}
	if err != nil {
		return err
	}
	h.revoked.note(ended)
	h.out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Account deleted successfully"})
	return nil
}

// proven is the user's password hash, if secret fits it.
func (h account) proven(ctx context.Context, user store.User, secret string) (hash string, err error) {
	_, credential, err := h.accounts.Credential(ctx, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return "", wrongPassword()
	}
	if err != nil {
		return "", err
	}
	ok, err := h.hasher.Verify(ctx, secret, credential.PasswordHash)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", wrongPassword()
	}
	return credential.PasswordHash, nil
}

func wrongPassword() error { return web.Fail(wire.InvalidCredentials, "Invalid password") }
