package authserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// watched counts what a server asks its database about sessions, and fails
// when it is told to.
type watched struct {
	store.Store
	sessions, looks atomic.Int32
	noSessions      atomic.Bool
	noLooks         atomic.Bool
}

var errDown = errors.New("the database is down")

func (s *watched) Session(ctx context.Context, id string) (store.Session, store.User, error) {
	s.sessions.Add(1)
	if s.noSessions.Load() {
		return store.Session{}, store.User{}, errDown
	}
	return s.Store.Session(ctx, id)
}

func (s *watched) Revocations(ctx context.Context, since store.Mark, from time.Time) (store.RevocationPage, error) {
	s.looks.Add(1)
	if s.noLooks.Load() {
		return store.RevocationPage{}, errDown
	}
	return s.Store.Revocations(ctx, since, from)
}

// watch starts a server whose database is watched.
func watch(t *testing.T, change ...func(*Config)) (*harness, *watched) {
	t.Helper()
	db := &watched{}
	h := serverOver(t, func(s store.Store) store.Store { db.Store = s; return db }, change...)
	return h, db
}

// asked checks how often f asks the database about a session.
func (s *watched) asked(t *testing.T, want int32, f func()) {
	t.Helper()
	before := s.sessions.Load()
	f()
	if n := s.sessions.Load() - before; n != want {
		t.Errorf("the database was asked %d times, want %d", n, want)
	}
}

// TestValidateFromMemory: a verdict is had without the database, until it has
// its age.
func TestValidateFromMemory(t *testing.T) {
	t.Parallel()
	h, db := watch(t)
	h.register("ann")
	one, other := h.login("ann").AccessToken, h.login("ann").AccessToken
	db.asked(t, 2, func() { h.valid(one, ""); h.valid(other, "") })
	first := h.verdict(one)
	db.asked(t, 0, func() {
		for range 20 { // 50 s of looks
			for range 10 {
				h.clock.Advance(revocation.PollInterval)
			}
			h.valid(one, "")
			h.valid(other, "")
		}
	})
	if diff := cmp.Diff(first, h.verdict(one)); diff != "" {
		t.Errorf("the verdict changed (-first +again):\n%s", diff)
	}
	h.clock.Advance(revocation.VerdictAge)
	db.asked(t, 1, func() { h.valid(one, ""); h.valid(one, "") })

	// Bad tokens are none of the database's business, and a session's end is
	// for good.
	db.asked(t, 0, func() { h.verdict("garbage"); h.verdict(signedAnew(t, one)) })
	h.do("POST", wire.LogoutPath, "", "Authorization", "Bearer "+one)
	db.asked(t, 1, func() {
		for range 3 {
			h.valid(one, ended)
			h.clock.Advance(revocation.VerdictAge)
		}
	})
	h.clock.Advance(15 * time.Minute)
	db.asked(t, 0, func() { h.valid(one, wire.ValidateExpired); h.valid(other, wire.ValidateExpired) })
}

// TestValidateWithoutLooks: while revocations cannot be read, the database has
// the word on each token; without that word there is no verdict.
func TestValidateWithoutLooks(t *testing.T) {
	t.Parallel()
	h, db := watch(t)
	h.register("ann")
	token := h.login("ann").AccessToken
	h.valid(token, "")
	db.noLooks.Store(true)
	h.clock.Advance(revocation.KnownFor)
	db.asked(t, 0, func() { h.valid(token, "") }) // the last look still counts
	h.clock.Advance(time.Millisecond)
	db.asked(t, 2, func() { h.valid(token, ""); h.valid(token, "") })

	db.noSessions.Store(true)
	for range 3 {
		h.clock.Advance(revocation.PollInterval)
		h.refused(h.post(wire.ValidatePath, object{"token": token}), wire.ServiceUnavailable, wire.ValidatePath, web.TextUnavailable)
	}
	db.noSessions.Store(false)
	db.asked(t, 1, func() { h.valid(token, "") })
	db.noLooks.Store(false)
	h.clock.Advance(revocation.PollInterval)
	db.asked(t, 0, func() { h.valid(token, "") })
	for text, want := range map[string]int{"revocations cannot be read": 1, "revocations are read again": 1} {
		if n := strings.Count(h.log.String(), text); n != want {
			t.Errorf("%d log lines %q, want %d", n, text, want)
		}
	}
}

// TestRevokedElsewhere: whatever ends a session, a server that remembers its
// token says so after its next look.
func TestRevokedElsewhere(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	here := serverFor(t, on(url))
	there, db := watch(t, on(url))
	admin := adminOf(here, on(url))
	for name, revoke := range map[string]func(t *testing.T, user string, tokens wire.TokenResponse){
		"logout": func(_ *testing.T, _ string, tokens wire.TokenResponse) {
			here.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken})
		},
		"session revoked": func(_ *testing.T, user string, tokens wire.TokenResponse) {
			id := there.verdict(tokens.AccessToken).Payload.Sid
			here.as(here.login(user).AccessToken, "DELETE", wire.SessionsPath+"/"+id, nil)
		},
		"password changed": func(_ *testing.T, user string, _ wire.TokenResponse) {
			here.as(here.login(user).AccessToken, "POST", wire.ChangePasswordPath,
				object{"currentPassword": goodPassword, "newPassword": "a new and better one"})
		},
		"account deleted": func(_ *testing.T, _ string, tokens wire.TokenResponse) {
			here.as(tokens.AccessToken, "DELETE", wire.AccountPath, object{"password": goodPassword})
		},
		"A163 theft": func(_ *testing.T, _ string, tokens wire.TokenResponse) {
			here.refreshed(here.refreshed(tokens.RefreshToken).RefreshToken)
			here.refresh(tokens.RefreshToken)
		},
		"A181 role changed": func(t *testing.T, user string, _ wire.TokenResponse) {
			if _, err := admin.SetRole(t.Context(), user+"@example.com", "admin"); err != nil {
				t.Error(err)
			}
		},
		"disabled": func(t *testing.T, user string, _ wire.TokenResponse) {
			if _, err := admin.Disable(t.Context(), user+"@example.com"); err != nil {
				t.Error(err)
			}
		},
		"deleted by an operator": func(t *testing.T, user string, _ wire.TokenResponse) {
			if _, err := admin.Delete(t.Context(), user+"@example.com"); err != nil {
				t.Error(err)
			}
		},
		"sessions revoked by an operator": func(t *testing.T, user string, _ wire.TokenResponse) {
			if _, err := admin.RevokeSessions(t.Context(), user+"@example.com"); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share the clock
			user := strings.ReplaceAll(name, " ", "-")
			here.register(user)
			tokens, bystander := here.login(user), here.register(user+"-bystander")
			other := here.refreshed(bystander.Token)
			there.valid(tokens.AccessToken, "")
			there.valid(other.AccessToken, "")
			revoke(t, user, tokens)
			db.asked(t, 0, func() { there.valid(tokens.AccessToken, "") }) // it cannot know yet
			there.clock.Advance(revocation.PollInterval)
			there.valid(tokens.AccessToken, ended)
			db.asked(t, 0, func() { there.valid(other.AccessToken, "") })
		})
	}
}

// TestRevokedHere: a server that is told to end a session has no need to look.
func TestRevokedHere(t *testing.T) {
	t.Parallel()
	h, db := watch(t)
	h.register("ann")
	first := h.login("ann")
	h.valid(first.AccessToken, "")
	h.refreshed(h.refreshed(first.RefreshToken).RefreshToken)
	db.noLooks.Store(true)
	h.refused(h.refresh(first.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
	h.valid(first.AccessToken, ended)
}

// TestForgetRevocations: the database does not keep them for ever.
func TestForgetRevocations(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	h.post(wire.LogoutPath, object{"refreshToken": h.login("ann").RefreshToken})
	count := func() int {
		list, err := storetest.AllRevocations(t.Context(), h.server.store)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	h.clock.Advance(15*time.Minute + revocation.Margin)
	if n := count(); n != 1 {
		t.Errorf("%d revocations, want 1", n)
	}
	h.clock.Advance(time.Minute)
	if n := count(); n != 0 {
		t.Errorf("%d revocations, want 0", n)
	}
}

// TestOpenNeedsRevocations: a server that cannot learn of them does not start.
func TestOpenNeedsRevocations(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	db := &watched{Store: h.server.store}
	db.noLooks.Store(true)
	cfg, err := Config{Database: Database{SQLitePath: h.path}, Clock: h.clock, Logger: slog.New(slog.DiscardHandler)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newServer(t.Context(), cfg, db); !errors.Is(err, errDown) {
		t.Errorf("newServer: %v", err)
	}
}

// TestValidateConcurrently: while sessions end, no answer is anything but a
// verdict, and none says valid after the logout was answered.
func TestValidateConcurrently(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	var all sync.WaitGroup
	for range 4 {
		tokens := h.login("ann")
		body := `{"token":"` + tokens.AccessToken + `"}`
		var out atomic.Bool
		for range 4 {
			all.Go(func() {
				for seen := false; !seen; {
					seen = out.Load()
					a, err := h.try("POST", wire.ValidatePath, body)
					if err != nil || a.status != http.StatusOK {
						t.Errorf("status %d, %v", a.status, err)
						return
					}
					if seen && !strings.Contains(a.body, `"valid":false`) {
						t.Errorf("after the logout: %s", a.body)
					}
				}
			})
		}
		all.Go(func() {
			if a, err := h.try("POST", wire.LogoutPath, `{"refreshToken":"`+tokens.RefreshToken+`"}`); err != nil || a.status != http.StatusOK {
				t.Errorf("logout: %d, %v", a.status, err)
			}
			out.Store(true)
		})
	}
	all.Wait()
}

// TestV7Outage: a client whose answer was lost with the database asks again when
// it is back. A thief who was there a minute before is found out all the same.
func TestV7Outage(t *testing.T) {
	t.Parallel()
	h, db := watch(t)
	h.register("ann")
	stolen, lost := h.login("ann"), h.login("ann")
	h.refreshed(stolen.RefreshToken)
	for range 4 * 60 {
		h.clock.Advance(revocation.PollInterval)
	}
	want := h.refreshed(lost.RefreshToken).RefreshToken
	db.noLooks.Store(true)
	for range 4 * 65 {
		h.clock.Advance(revocation.PollInterval)
	}
	db.noLooks.Store(false)
	for range 4 * 20 {
		h.clock.Advance(revocation.PollInterval)
	}
	if again := h.refreshed(lost.RefreshToken).RefreshToken; again != want {
		t.Error("another successor")
	}
	h.refused(h.refresh(stolen.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
	for range 4 * 30 {
		h.clock.Advance(revocation.PollInterval)
	}
	h.refused(h.refresh(lost.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
}
