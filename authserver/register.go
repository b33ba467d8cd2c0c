package authserver

import (
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// roleUser is the role of everyone who registers.
const roleUser = "user"

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
	email := f.email("email")
	secret := f.password("password", h.shortestPassword, maxPassword)
	name := f.personName("name")
	f.optional("referralCode")
	f.optional("sourceAppId")
	if err := f.finish(); err != nil {
		return err
	}

	userID, err := token.NewID(h.issuer.random)
	if err != nil {
		return err
	}
	accountID, err := token.NewID(h.issuer.random)
	if err != nil {
		return err
	}
	// Before the address is looked at, so that the time does not tell more
	// than the answer.
	hash, err := h.hasher.Hash(r.Context(), secret)
	if err != nil {
		return err
	}
	session, refresh, event, err := h.issuer.open(r, userID, store.EventRegister, device{})
	if err != nil {
		return err
	}
	user := store.User{
		ID: userID, Email: email, Name: name, Role: roleUser,
		CreatedAt: session.CreatedAt, UpdatedAt: session.CreatedAt,
	}
	err = h.users.CreateUser(r.Context(), user, store.Credential{ID: accountID, PasswordHash: hash}, session, event)
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
