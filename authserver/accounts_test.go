package authserver

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	a := h.post(wire.RegisterPath, object{
		"email": "Ann.Müller@Example.COM", "password": goodPassword, "name": "  Ann  ",
		"referralCode": "friend", "sourceAppId": nil,
	})
	got := decode[wire.RegisterResponse](t, a, http.StatusCreated)
	want := wire.RegisterResponse{
		User: wire.RegisteredUser{ID: got.ID, Email: "ann.müller@example.com", Name: "Ann"},
		ID:   got.ID, Email: "ann.müller@example.com", Name: "Ann", Token: got.Token,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	if !isID(got.ID) {
		t.Errorf("id %q", got.ID)
	}
	// The token is a refresh token of a session that registration opened.
	tokens := h.refreshed(got.Token)
	if tokens.User != (wire.SessionUser{ID: got.ID, Email: got.Email, Name: "Ann", Role: "user"}) {
		t.Errorf("user %+v", tokens.User)
	}
	h.valid(tokens.AccessToken, "")
	if types := h.events(got.ID); !slices.Equal(types, []string{store.EventRegister}) {
		t.Errorf("events %v", types)
	}
}

func isID(s string) bool {
	return len(s) == 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", r)
	})
}

func TestRegisterTaken(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	h.unchanged(func() {
		for _, email := range []string{"ann@example.com", "ANN@EXAMPLE.COM"} {
			a := h.post(wire.RegisterPath, object{"email": email, "password": "another password", "name": "Not Ann"})
			h.refused(a, wire.EmailAlreadyExists, wire.RegisterPath, "User with this email already exists")
		}
	})
	h.login("ann") // with the first password still
}

// TestA173MassAssignment: what a client may not set is refused and nothing is
// stored.
func TestA173MassAssignment(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.unchanged(func() {
		for _, name := range []string{"role", "emailVerified", "credits", "id", "createdAt", "__proto__", "Email"} {
			a := h.post(wire.RegisterPath, object{
				"email": "ann@example.com", "password": goodPassword, "name": "Ann", name: "admin",
			})
			h.refused(a, wire.ValidationFailed, wire.RegisterPath, []string{"property " + name + " should not exist"})
		}
	})
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	user := h.register("ann")
	a := h.post(wire.LoginPath, object{
		"email": "ANN@example.com", "password": goodPassword, "deviceId": "d1", "deviceName": "Phone",
		"ipAddress": "6.6.6.6", "userAgent": "forged",
	}, "User-Agent", "true/1")
	got := decode[wire.TokenResponse](t, a, http.StatusOK)
	want := wire.TokenResponse{
		User:        wire.SessionUser{ID: user.ID, Email: "ann@example.com", Name: "Name of ann", Role: "user"},
		AccessToken: got.AccessToken, RefreshToken: got.RefreshToken, ExpiresIn: 900, TokenType: "Bearer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	session := h.session(got.AccessToken)
	if *session.Session.IPAddress != "127.0.0.1" || *session.Session.UserAgent != "true/1" {
		t.Errorf("the session believes the body: %s, %s", *session.Session.IPAddress, *session.Session.UserAgent)
	}
	if *session.Session.DeviceID != "d1" || *session.Session.DeviceName != "Phone" {
		t.Errorf("device %s, %s", *session.Session.DeviceID, *session.Session.DeviceName)
	}
	if types := h.events(user.ID); len(types) != 2 || !slices.Contains(types, store.EventLogin) {
		t.Errorf("events %v", types)
	}
	// A179: each login has a session of its own.
	if again := h.login("ann"); h.session(again.AccessToken).Session.ID == session.Session.ID {
		t.Error("two logins share a session")
	}
}

// TestA168Enumeration: nobody learns from the answer whether an account
// exists. The clock stands still, so that the bodies can be equal to the byte.
func TestA168Enumeration(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	deleted := h.register("deleted")
	h.exec("UPDATE users SET deleted_at = 1 WHERE id = ?", deleted.ID)
	h.unchanged(func() {
		wrong := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": "wrong password"})
		h.refused(wrong, wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
		for _, test := range []struct{ name, email, password string }{
			{"unknown account", "nobody@example.com", "wrong password"},
			{"deleted account", "deleted@example.com", goodPassword},
			{"password too short to exist", "ann@example.com", "x"},
			{"password too long to exist", "ann@example.com", strings.Repeat("x", form.MaxLoginPassword)},
		} {
			a := h.post(wire.LoginPath, object{"email": test.email, "password": test.password})
			wrong.header.Del("Date")
			a.header.Del("Date")
			if diff := cmp.Diff(wrong, a, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("%s (-wrong password +this):\n%s", test.name, diff)
			}
		}
	})
}

// TestV11HashOfAnotherProgram: a password that the existing service stored is
// refused as a wrong one is, until it is taken over, and an operator hears of
// it.
func TestV11HashOfAnotherProgram(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	ann := h.register("ann")
	token := h.login("ann").AccessToken
	login := object{"email": "ann@example.com", "password": goodPassword}
	for _, hash := range []string{
		"2f0b7c9d5e3a41c28d6f901b2c3d4e5f:" + strings.Repeat("a0", 64), // scrypt as Better Auth writes it
		"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", // bcrypt
		"no hash",
	} {
		h.exec("UPDATE accounts SET password = ? WHERE user_id = ?", hash, ann.ID)
		h.refused(h.post(wire.LoginPath, login), wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
		h.refused(h.post(wire.ChangePasswordPath, object{"currentPassword": goodPassword, "newPassword": "another password"}, as(token)...),
			wire.InvalidCredentials, wire.ChangePasswordPath, "Invalid password")
		h.refused(h.send("DELETE", wire.AccountPath, object{"password": goodPassword}, as(token)...), wire.InvalidCredentials, wire.AccountPath, "Invalid password")
	}
	if n := strings.Count(h.log.String(), "form of another program"); n != 9 {
		t.Errorf("%d lines in the log, want 9", n)
	}
}

// TestA169EnumerationByTime: an unknown account costs a hash as a known one
// does. A hash takes 15 ms or more anywhere, an answer without one under 1 ms;
// a loaded machine only makes both slower.
func TestA169EnumerationByTime(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	for _, email := range []string{"ann@example.com", "nobody@example.com"} {
		best := time.Hour
		for range 5 {
			began := time.Now()
			h.post(wire.LoginPath, object{"email": email, "password": "wrong password"})
			best = min(best, time.Since(began))
		}
		if best < 5*time.Millisecond {
			t.Errorf("a login as %s is refused within %v", email, best)
		}
	}
}

// TestA170Passwords: every password that may be set logs in, and no other.
func TestA170Passwords(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	for name, password := range map[string]string{
		"eight":       "8 chars!",
		"most":        strings.Repeat("x", 128),
		"most-emoji":  strings.Repeat("👍", 128),
		"nul":         "before\x00after",
		"with-spaces": "  both ends  ",
	} {
		email := name + "@example.com"
		a := h.post(wire.RegisterPath, object{"email": email, "password": password, "name": "Name"})
		decode[wire.RegisterResponse](t, a, http.StatusCreated)
		decode[wire.TokenResponse](t, h.post(wire.LoginPath, object{"email": email, "password": password}), http.StatusOK)
		last := []rune(password)
		last[len(last)-1] = '?'
		a = h.post(wire.LoginPath, object{"email": email, "password": string(last)})
		h.refused(a, wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
	}
}

// promoting changes a user's role once, between the look at the password and
// the session.
type promoting struct {
	store.Store
	change sync.Once
}

func (s *promoting) UserByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	user, credential, err := s.Store.UserByEmail(ctx, email)
	if err != nil {
		return user, credential, err
	}
	s.change.Do(func() {
		err = s.Tx(ctx, func(tx store.Tx) error {
			now, err := tx.LockUser(user.ID)
			if err != nil {
				return err
			}
			now.Role = "admin"
			return tx.PutUser(now)
		})
	})
	return user, credential, err
}

// TestA181LoginWhileTheRoleChanges: no token names a role that was taken away
// before it was signed.
func TestA181LoginWhileTheRoleChanges(t *testing.T) {
	t.Parallel()
	h := serverOver(t, func(db store.Store) store.Store { return &promoting{Store: db} })
	h.register("ann")
	a := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword})
	h.refused(a, wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
	if role := h.login("ann").User.Role; role != "admin" {
		t.Errorf("role %s", role)
	}
}
