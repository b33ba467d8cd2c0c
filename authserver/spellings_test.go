package authserver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestO10OneAccountForEachMailbox: an address is one account, however its domain
// and the case of its letters are typed, also where an older program has stored
// it in another form.
func TestO10OneAccountForEachMailbox(t *testing.T) {
	t.Parallel()
	register := func(h *harness, email string) answer {
		return h.post(wire.RegisterPath, object{"email": email, "password": goodPassword, "name": "Ann"})
	}
	for name, database := range map[string]func(t *testing.T, c *Config){
		"SQLite":     func(*testing.T, *Config) {},
		"PostgreSQL": func(t *testing.T, c *Config) { on(pgtest.New(t))(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var url string
			h := serverFor(t, func(c *Config) { database(t, c); url = c.Database.URL })
			for first, others := range map[string][]string{
				"u@müller.example":      {"u@xn--mller-kva.example", "U@MÜLLER.example", "u@mu\u0308ller.example"},
				"v@xn--mller-kva.ch":    {"v@müller.ch", "v@XN--MLLER-KVA.ch"},
				"γιωργος@example.com":   {"ΓΙΩΡΓΟΣ@example.com", "γιωργοσ@example.com"},
				"sam@example.com":       {"\u017fam@example.com", "SAM@example.com"},
				"straße@example.com":    {"STRAẞE@example.com"},
				"strasse@example.com":   nil, // another mailbox than the one before
				"muller@muller.example": nil,
			} {
				made := decode[wire.RegisterResponse](t, register(h, first), http.StatusCreated)
				for _, spelling := range append(others, first) {
					h.refused(register(h, spelling), wire.EmailAlreadyExists, wire.RegisterPath, "User with this email already exists")
					login := h.post(wire.LoginPath, object{"email": spelling, "password": goodPassword})
					if got := decode[wire.TokenResponse](t, login, http.StatusOK).User.ID; got != made.ID {
						t.Errorf("%s logs in as %s and not as %s", spelling, got, first)
					}
				}
			}
			// An older program has stored the domain in Unicode.
			old := decode[wire.RegisterResponse](t, register(h, "old@müller.example"), http.StatusCreated)
			if url == "" {
				h.exec(`UPDATE users SET email = ? WHERE id = ?`, "old@müller.example", old.ID)
			} else {
				pgtest.Exec(t, url, "UPDATE auth.users SET email = 'old@müller.example' WHERE id = '"+old.ID+"'")
			}
			for _, spelling := range []string{"old@müller.example", "old@xn--mller-kva.example"} {
				h.refused(register(h, spelling), wire.EmailAlreadyExists, wire.RegisterPath, "User with this email already exists")
				login := h.post(wire.LoginPath, object{"email": spelling, "password": goodPassword})
				if got := decode[wire.TokenResponse](t, login, http.StatusOK).User.ID; got != old.ID {
					t.Errorf("%s does not find the older row", spelling)
				}
			}
		})
	}
}

// TestO18SpelledOrigins: origins count however they are typed, and a browser
// that asks from another one is a warning, once a minute.
func TestO18SpelledOrigins(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) {
		c.HTTP.CORSOrigins = []string{"https://App.Example.com", "https://müller.example:443", "http://localhost:80/"}
	})
	allowed := func(origin string) bool {
		return h.do("GET", wire.JWKSPath, "", "Origin", origin).header.Get("Access-Control-Allow-Origin") == origin
	}
	for _, origin := range []string{"https://app.example.com", "https://xn--mller-kva.example", "http://localhost"} {
		if !allowed(origin) {
			t.Errorf("%s is not allowed", origin)
		}
	}
	const warning = "CORS_ORIGINS does not name"
	if strings.Contains(h.log.String(), warning) {
		t.Errorf("warned of an origin that is allowed: %s", h.log)
	}
	for range 3 {
		if allowed("https://other.example.com") {
			t.Error("another origin is allowed")
		}
	}
	h.clock.Advance(59 * time.Second)
	allowed("https://other.example.com")
	if got := strings.Count(h.log.String(), warning); got != 1 || !strings.Contains(h.log.String(), "origin=https://other.example.com") {
		t.Errorf("%d warnings within a minute, or without the origin", got)
	}
	h.clock.Advance(time.Second)
	allowed("https://other.example.com")
	if got := strings.Count(h.log.String(), warning); got != 2 {
		t.Errorf("%d warnings after a minute, want 2", got)
	}
}
