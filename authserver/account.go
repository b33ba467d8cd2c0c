package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// maxEvents is how many security events a user sees.
const maxEvents = 50

// account is what users do with the own account. What cannot be undone asks
// for the password: an access token may have been left lying about.
type account struct {
	out              responder
	accounts         store.Accounts
	events           store.Events
	hasher           *password.Hasher
	issuer           issuer
	revoked          *revocations
	shortestPassword int
}

func (h account) securityEvents(w http.ResponseWriter, r *http.Request, c caller) error {
	events, err := h.events.SecurityEvents(r.Context(), c.user.ID, maxEvents)
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
	h.out.respond(w, r, http.StatusOK, answer)
	return nil
}

func (h account) changePassword(w http.ResponseWriter, r *http.Request, c caller) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	current := f.password("currentPassword", 1, maxLoginPassword)
	next := f.password("newPassword", h.shortestPassword, maxPassword)
	if err := f.finish(); err != nil {
		return err
	}
	old, err := h.proven(r.Context(), c.user, current)
	if err != nil {
		return err
	}
	hash, err := h.hasher.Hash(r.Context(), next)
	if err != nil {
		return err
	}
	ended, err := h.accounts.ChangePassword(r.Context(), store.PasswordChange{
		UserID: c.user.ID, Old: old, New: hash, Keep: c.session.ID, Event: h.issuer.event(r, store.EventPasswordChanged),
	})
	if errors.Is(err, store.ErrNotFound) {
		return wrongPassword() // it was changed meanwhile
	}
	if err != nil {
		return err
	}
	h.revoked.note(ended)
	h.out.respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Password changed successfully"})
	return nil
}

func (h account) remove(w http.ResponseWriter, r *http.Request, c caller) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	secret := f.password("password", 1, maxLoginPassword)
	reason := f.optional("reason")
	if err := f.finish(); err != nil {
		return err
	}
	if _, err := h.proven(r.Context(), c.user, secret); err != nil {
		return err
	}
	event := h.issuer.event(r, store.EventUserDeleted)
	if reason != "" {
		event.Metadata = eventMetadata("reason", reason)
	}
	_, ended, err := h.accounts.ChangeUser(r.Context(), c.user.ID, store.Delete, event)
	if errors.Is(err, store.ErrNotFound) {
		return fail(wire.InvalidToken, textInvalidToken) // deleted meanwhile
	}
	if err != nil {
		return err
	}
	h.revoked.note(ended)
	h.out.respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Account deleted successfully"})
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

func wrongPassword() error { return fail(wire.InvalidCredentials, "Invalid password") }
