package authserver

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// register opens an account and its first session.
type register struct {
	out              responder
	users            store.Users
	hasher           *password.Hasher
	issuer           issuer
	shortestPassword int
}

func (h register) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	email, secret, name := f.account(h.shortestPassword)
	f.optional("referralCode")
	f.optional("sourceAppId")
	if err := f.finish(); err != nil {
		return err
	}

	user, credential, err := newAccount(h.issuer.random, h.out.now())
	if err != nil {
		return err
	}
	// Before the address is looked at, so that the time does not tell more
	// than the answer.
	hash, err := h.hasher.Hash(r.Context(), secret)
	if err != nil {
		return err
	}
	session, refresh, event, err := h.issuer.open(r, user.ID, store.EventRegister, device{})
	if err != nil {
		return err
	}
	user.Email, user.Name = email, name
	credential.PasswordHash = hash
	err = h.users.CreateUser(r.Context(), user, credential, session, event)
	if errors.Is(err, store.ErrEmailTaken) {
		return fail(wire.EmailAlreadyExists, "User with this email already exists")
	}
	if err != nil {
		return err
	}
	h.out.respond(w, r, http.StatusCreated, wire.RegisterResponse{
		User:  wire.RegisteredUser{ID: user.ID, Email: user.Email, Name: user.Name},
		ID:    user.ID,
		Email: user.Email,
		Name:  user.Name,
		Token: refresh,
	})
	return nil
}

// newAccount makes the ids of a user and of a credential; the user has the role
// of everyone who registers.
func newAccount(random io.Reader, now time.Time) (store.User, store.Credential, error) {
	userID, err := secret.NewID(random)
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	accountID, err := secret.NewID(random)
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	user := store.User{ID: userID, Role: roleUser, CreatedAt: now, UpdatedAt: now}
	return user, store.Credential{ID: accountID}, nil
}
