package authserver

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// as sends a request with an access token, and with a body if it is not nil.
func (h *harness) as(accessToken, method, path string, body object) answer {
	h.Helper()
	authorization := []string{"Authorization", "Bearer " + accessToken}
	if body == nil {
		return h.do(method, path, "", authorization...)
	}
	return h.send(method, path, body, authorization...)
}

// bystander is another user, with a session that nothing which happens to ann
// ends.
func (h *harness) bystander() (check func()) {
	h.Helper()
	h.register("bystander")
	tokens := h.login("bystander")
	return func() {
		h.Helper()
		h.valid(tokens.AccessToken, "")
		tokens = h.refreshed(tokens.RefreshToken)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	h.clock.Advance(time.Minute)
	mine := h.login("ann")
	h.clock.Advance(time.Minute)
	a := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword, "deviceId": "d1", "deviceName": "Phone",
		"rememberMe": true}, "User-Agent", "phone/1")
	phone := decode[wire.TokenResponse](t, a, http.StatusOK)
	check := h.bystander()

	list := decode[[]wire.Session](t, h.as(mine.AccessToken, "GET", wire.SessionsPath, nil), http.StatusOK)
	if len(list) != 3 {
		t.Fatalf("%d sessions, want 3: %+v", len(list), list)
	}
	ip, agent, id, name := "127.0.0.1", "phone/1", "d1", "Phone"
	want := wire.Session{
		ID: h.verdict(phone.AccessToken).Payload.Sid, IPAddress: &ip, UserAgent: &agent, DeviceID: &id, DeviceName: &name,
		LastActivityAt: "2026-01-02T03:06:05.678Z", CreatedAt: "2026-01-02T03:06:05.678Z", ExpiresAt: "2026-02-01T03:06:05.678Z",
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("the latest session (-want +got):\n%s", diff)
	}
	if list[0].Current || !list[1].Current || list[2].Current || list[1].ID != h.verdict(mine.AccessToken).Payload.Sid {
		t.Errorf("the session of the request is not marked as such: %+v", list)
	}

	revoke := func(id string) answer { return h.as(mine.AccessToken, "DELETE", wire.SessionsPath+"/"+id, nil) }
	foreign := decode[wire.SessionResponse](t, h.as(h.login("bystander").AccessToken, "GET", wire.SessionPath, nil), http.StatusOK).Session.ID
	for _, id := range []string{"none", foreign, "a%20b"} {
		h.refused(revoke(id), wire.NotFound, wire.SessionsPath+"/"+id, "Session not found")
	}
	if a := revoke(list[0].ID); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("status %d, body %q", a.status, a.body)
	}
	h.valid(phone.AccessToken, ended)
	h.refused(h.refresh(phone.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
	h.refused(revoke(list[0].ID), wire.NotFound, wire.SessionsPath+"/"+list[0].ID, "Session not found")
	h.valid(mine.AccessToken, "")
	if a := revoke(list[1].ID); a.status != http.StatusNoContent {
		t.Errorf("the own session: status %d", a.status)
	}
	h.refused(revoke(list[2].ID), wire.InvalidToken, wire.SessionsPath+"/"+list[2].ID, "Invalid token")
	check()
}

func TestSecurityEvents(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	h.bystander()
	token := h.login("ann").AccessToken
	events := func() []wire.SecurityEvent {
		return decode[[]wire.SecurityEvent](t, h.as(token, "GET", wire.SecurityEventsPath, nil), http.StatusOK)
	}
	list := events()
	if len(list) != 2 || list[0].ID == "" || list[0].ID == list[1].ID {
		t.Fatalf("events %+v", list)
	}
	ip, agent := "127.0.0.1", "Go-http-client/1.1"
	want := wire.SecurityEvent{ID: list[0].ID, EventType: store.EventLogin, IPAddress: &ip, UserAgent: &agent, CreatedAt: "2026-01-02T03:04:05.678Z"}
	list[0].Metadata = nil // null
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("newest event (-want +got):\n%s", diff)
	}
	for range identity.MaxEvents {
		h.login("ann")
	}
	if n := len(events()); n != identity.MaxEvents {
		t.Errorf("%d events, want %d", n, identity.MaxEvents)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	const newPassword = "a new and better one"
	h := serverFor(t)
	user := h.register("ann")
	mine, other := h.login("ann"), h.login("ann")
	h.valid(other.AccessToken, "")
	check := h.bystander()
	change := func(current, next string) answer {
		return h.as(mine.AccessToken, "POST", wire.ChangePasswordPath, object{"currentPassword": current, "newPassword": next})
	}
	h.unchanged(func() {
		h.refused(change("wrong password", newPassword), wire.InvalidCredentials, wire.ChangePasswordPath, "Invalid password")
		h.refused(change(goodPassword, "short"), wire.ValidationFailed, wire.ChangePasswordPath,
			[]string{"newPassword must be longer than or equal to 8 characters"})
		h.refused(change("", strings.Repeat("x", 129)), wire.ValidationFailed, wire.ChangePasswordPath, []string{
			"currentPassword must be longer than or equal to 1 characters", "newPassword must be shorter than or equal to 128 characters"})
	})
	h.valid(other.AccessToken, "")

	got := decode[wire.SuccessResponse](t, change(goodPassword, newPassword), http.StatusOK)
	if want := (wire.SuccessResponse{Success: true, Message: "Password changed successfully"}); got != want {
		t.Errorf("answer %+v", got)
	}
	h.valid(other.AccessToken, ended)
	// A166
	h.refused(h.refresh(other.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
	h.refused(h.refresh(user.Token), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
	h.valid(mine.AccessToken, "")
	h.refreshed(mine.RefreshToken)
	h.refused(h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword}),
		wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
	decode[wire.TokenResponse](t, h.post(wire.LoginPath, object{"email": "ann@example.com", "password": newPassword}), http.StatusOK)
	if types := h.events(user.ID); !slices.Contains(types, store.EventPasswordChanged) {
		t.Errorf("events %v", types)
	}
	check()
}

func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	user := h.register("ann")
	mine, other := h.login("ann"), h.login("ann")
	h.valid(other.AccessToken, "")
	check := h.bystander()
	remove := func(body object) answer { return h.as(mine.AccessToken, "DELETE", wire.AccountPath, body) }
	h.unchanged(func() {
		h.refused(remove(object{"password": "wrong password"}), wire.InvalidCredentials, wire.AccountPath, "Invalid password")
		h.refused(remove(nil), wire.ValidationFailed, wire.AccountPath, []string{"password must be shorter than or equal to 1024 characters",
			"password must be longer than or equal to 1 characters", "password must be a string"})
	})
	h.valid(mine.AccessToken, "")

	got := decode[wire.SuccessResponse](t, remove(object{"password": goodPassword, "reason": `moving "on"`}), http.StatusOK)
	if want := (wire.SuccessResponse{Success: true, Message: "Account deleted successfully"}); got != want {
		t.Errorf("answer %+v", got)
	}
	h.valid(mine.AccessToken, ended)
	h.valid(other.AccessToken, ended)
	h.refused(remove(object{"password": goodPassword}), wire.InvalidToken, wire.AccountPath, "Invalid token")
	h.refused(h.refresh(other.RefreshToken), wire.InvalidToken, wire.RefreshPath, "User not found")
	h.refused(h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword}),
		wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
	// The row stays, and the address is free.
	decode[wire.RegisterResponse](t, h.post(wire.RegisterPath, object{"email": "ann@example.com", "password": goodPassword, "name": "Ann"}),
		http.StatusCreated)
	events, err := h.server.store.SecurityEvents(t.Context(), user.ID, 1)
	if err != nil || len(events) != 1 || events[0].Type != store.EventUserDeleted || string(events[0].Metadata) != `{"reason":"moving \"on\""}` {
		t.Errorf("events %v, %v", events, err)
	}
	check()
}

// TestGuardedRoutes: each refuses whoever sends no good token, before anything
// else.
func TestGuardedRoutes(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	expired := h.login("ann").AccessToken
	h.clock.Advance(15 * time.Minute)
	gone := h.login("ann")
	h.post(wire.LogoutPath, object{"refreshToken": gone.RefreshToken})
	h.unchanged(func() {
		for path, method := range map[string]string{
			wire.SessionsPath: "GET", wire.SessionsPath + "/x": "DELETE", wire.SecurityEventsPath: "GET",
			wire.ChangePasswordPath: "POST", wire.AccountPath: "DELETE",
		} {
			h.refused(h.do(method, path, "{"), wire.Unauthorized, path, "No token provided")
			h.refused(h.do(method, path, "{", "Authorization", "Bearer garbage"), wire.InvalidToken, path, "Invalid token")
			h.refused(h.do(method, path, "{", "Authorization", "Bearer "+gone.AccessToken), wire.InvalidToken, path, "Invalid token")
			h.refused(h.do(method, path, "{", "Authorization", "Bearer "+expired), wire.TokenExpired, path, "Invalid token")
		}
	})
}

// TestSessionIDsOfNoForm: what no database can hold as text is no session
// either, and no fault of the server's.
func TestSessionIDsOfNoForm(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := config(t)
			h := serverFor(t, func(c *Config) { c.Database.URL, c.Keys.EncryptionKey = kept.Database.URL, kept.Keys.EncryptionKey })
			h.register("ann")
			mine := h.login("ann").AccessToken
			for _, id := range []string{"a%00b", "%ff", "%ed%a0%80", strings.Repeat("x", 10_000)} {
				path := wire.SessionsPath + "/" + id
				h.refused(h.as(mine, "DELETE", path, nil), wire.NotFound, path, "Session not found")
			}
			if strings.Contains(h.log.String(), "could not be decided") {
				t.Error("the log tells of a fault")
			}
		})
	}
}
