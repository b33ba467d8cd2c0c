package authserver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// guesses is a server that limits guesses and believes X-Forwarded-For.
func guesses(t *testing.T, change ...func(*Config)) *harness {
	t.Helper()
	return serverFor(t, append([]func(*Config){func(c *Config) {
		c.HTTP.RateLimitsDisabled = false
		c.HTTP.RateLimits = RateLimits{Register: Limit{1000, time.Second}, Default: Limit{100_000, time.Second}, Login: Limit{100_000, time.Second}}
		c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}}, change...)...)
}

func (h *harness) loginFrom(addr, name, password, device string) answer {
	h.Helper()
	body := object{"email": name + "@example.com", "password": password}
	if device != "" {
		body["deviceId"] = device
	}
	return h.post(wire.LoginPath, body, "X-Forwarded-For", addr)
}

// locked checks that an answer says when the next password may come.
func (h *harness) locked(a answer, path string) time.Duration {
	h.Helper()
	got := decode[wire.Envelope](h.T, a, http.StatusTooManyRequests)
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if got.Code != wire.AccountLocked || err != nil || wait < 1 || got.RetryAfter != wait || got.Path != path || !strings.Contains(fmt.Sprint(got.Message), "rate limit") {
		h.Errorf("%+v with Retry-After %q", got, a.header.Get("Retry-After"))
	}
	return time.Duration(wait) * time.Second
}

// TestV2Guessing: after five wrong passwords from wherever, an account has a
// delay, which grows and ends; so has an address without an account. Each
// failure is in the owner's log and in the server's.
func TestV2Guessing(t *testing.T) {
	t.Parallel()
	h := guesses(t)
	ann := h.register("ann")
	for _, name := range []string{"ann", "nobody"} {
		for i := range 5 {
			h.refused(h.loginFrom(fmt.Sprintf("2001:db8:1:%x::1", i), name, "wrong password", ""), wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
		}
		before := 0 * time.Second
		for i := range 9 {
			wait := h.locked(h.loginFrom(fmt.Sprintf("2001:db8:%x::1", i), name, "wrong password", ""), wire.LoginPath)
			if wait <= before && wait != 10*time.Minute {
				t.Errorf("%s: delay %d is %v after %v", name, i, wait, before)
			}
			before = wait
			h.clock.Advance(wait)
			if a := h.loginFrom(fmt.Sprintf("198.51.%d.1", i), name, "wrong password", ""); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d after the delay", name, a.status)
			}
		}
		h.clock.Advance(time.Hour)
	}
	if a := h.loginFrom("203.0.113.1", "ann", goodPassword, ""); a.status != http.StatusOK {
		t.Errorf("the owner: %d", a.status)
	}
	if err := h.server.people.RecordFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	var failures int
	for _, kind := range h.events(ann.ID) {
		if kind == store.EventLoginFailed {
			failures++
		}
	}
	if logged := strings.Count(h.log.String(), `msg="wrong password" event=login_failure user=`+ann.ID); failures != 14 || logged != 14 {
		t.Errorf("%d failures in the owner's log and %d in the server's, want 14", failures, logged)
	}
}

// TestV2EveryPassword: a change of password and a deletion count as a login
// does, together with it.
func TestV2EveryPassword(t *testing.T) {
	t.Parallel()
	h := guesses(t)
	h.register("ann")
	session := decode[wire.TokenResponse](t, h.loginFrom("192.0.2.1", "ann", goodPassword, ""), http.StatusOK)
	headers := append(as(session.AccessToken), "X-Forwarded-For", "198.51.100.1") // a stranger's
	for range 2 {
		h.post(wire.ChangePasswordPath, object{"currentPassword": "wrong password", "newPassword": "another password"}, headers...)
		h.send("DELETE", wire.AccountPath, object{"password": "wrong password"}, headers...)
	}
	if a := h.loginFrom("198.51.100.1", "ann", "wrong password", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the fifth: %d", a.status)
	}
	h.locked(h.post(wire.ChangePasswordPath, object{"currentPassword": goodPassword, "newPassword": "another password"}, headers...), wire.ChangePasswordPath)
	h.locked(h.send("DELETE", wire.AccountPath, object{"password": goodPassword}, headers...), wire.AccountPath)
	h.locked(h.loginFrom("198.51.100.1", "ann", goodPassword, ""), wire.LoginPath)
}

// TestV2KnownDevice: a device from which the user has logged in gets in while
// strangers guess, with its id or by its address, until its session was stolen.
func TestV2KnownDevice(t *testing.T) {
	t.Parallel()
	h := guesses(t)
	h.register("ann")
	decode[wire.TokenResponse](t, h.loginFrom("192.0.2.1", "ann", goodPassword, "phone"), http.StatusOK)
	decode[wire.TokenResponse](t, h.loginFrom("192.0.2.2", "ann", goodPassword, ""), http.StatusOK)
	for i := range 20 {
		h.loginFrom(fmt.Sprintf("198.51.100.%d", i), "ann", "wrong password", "")
	}
	for range 5 {
		decode[wire.TokenResponse](t, h.loginFrom("203.0.113.1", "ann", goodPassword, "phone"), http.StatusOK)
		decode[wire.TokenResponse](t, h.loginFrom("192.0.2.2", "ann", goodPassword, ""), http.StatusOK)
	}
	h.locked(h.loginFrom("192.0.2.1", "ann", goodPassword, "another"), wire.LoginPath)
	h.locked(h.loginFrom("192.0.2.1", "ann", goodPassword, ""), wire.LoginPath)
	for i := range 12 { // the share of a device
		a := h.loginFrom("203.0.113.1", "ann", "wrong password", "phone")
		if want := map[bool]int{true: 401, false: 429}[i < 10]; a.status != want {
			t.Errorf("attempt %d of the device: %d, want %d", i, a.status, want)
		}
	}
	h.clock.Advance(time.Hour)
	phone := decode[wire.TokenResponse](t, h.loginFrom("203.0.113.1", "ann", goodPassword, "phone"), http.StatusOK)
	h.refreshed(h.refreshed(phone.RefreshToken).RefreshToken)
	if a := h.refresh(phone.RefreshToken); a.status != http.StatusUnauthorized { // stolen
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i := range 20 {
		h.loginFrom(fmt.Sprintf("198.51.100.%d", i), "ann", "wrong password", "")
	}
	h.locked(h.loginFrom("203.0.113.1", "ann", goodPassword, "phone"), wire.LoginPath)
}

// TestV15GoodLogins: logins that are right have no limit but the operator's.
func TestV15GoodLogins(t *testing.T) {
	t.Parallel()
	h := guesses(t, func(c *Config) { c.HTTP.RateLimits.Login = Limit{} })
	h.register("ann")
	for range 30 {
		decode[wire.TokenResponse](t, h.loginFrom("192.0.2.1", "ann", goodPassword, ""), http.StatusOK)
	}
}

// TestV2Replicas: the limits hold across servers and a restart, on both
// databases.
func TestV2Replicas(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.HTTP.RateLimits.Register = Limit{1000, time.Second}
			cfg.Clock = clocktest.New(begin)
			open := func() *harness {
				h := &harness{T: t, clock: cfg.Clock.(*clocktest.Clock), log: &logBuffer{}, client: http.DefaultClient}
				server, err := Open(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				front := httptest.NewServer(server.Handler())
				h.server, h.url = server, front.URL
				t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); front.Close() })
				return h
			}
			a, b := open(), open()
			a.register("ann")
			hashed := 0
			try := func(h *harness) {
				if a := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": "wrong password", "deviceId": "x"}); a.status == http.StatusUnauthorized {
					hashed++
				}
			}
			for range 3 {
				try(a)
				try(b)
			}
			for _, h := range []*harness{a, b, a} {
				if err := h.server.guesses.Exchange(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				try(a)
				try(b)
			}
			for _, h := range []*harness{a, b} {
				if err := h.server.Close(); err != nil {
					t.Fatal(err)
				}
			}
			c := open()
			try(c)
			if err := c.server.Close(); err != nil {
				t.Fatal(err)
			}
			if hashed != 6 {
				t.Errorf("%d guesses reached a hash, want 6", hashed)
			}
		})
	}
}
