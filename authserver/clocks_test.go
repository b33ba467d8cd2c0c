package authserver

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// shifted is a clock of a machine that is set wrong.
type shifted struct {
	clock.System
	by time.Duration
}

func (s shifted) Now() time.Time { return s.System.Now().Add(s.by) }

// TestV8Clocks: servers whose clocks differ judge each other's instants by the
// database's clock.
func TestV8Clocks(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{45 * time.Second, -45 * time.Second, 10 * time.Minute, -10 * time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			url := pgtest.New(t)
			right := serverFor(t, on(url), func(c *Config) { c.Clock = clock.System{} })
			wrong := serverFor(t, on(url), func(c *Config) { c.Clock = shifted{by: by} })
			right.register("ann")
			for _, pair := range [][2]*harness{{right, wrong}, {wrong, right}} {
				tokens := pair[0].login("ann")
				pair[1].valid(tokens.AccessToken, "")
				first := pair[0].refreshed(tokens.RefreshToken)
				again := pair[1].refreshed(tokens.RefreshToken)
				if again.RefreshToken != first.RefreshToken {
					t.Error("another successor within the grace")
				}
				next := pair[1].refreshed(first.RefreshToken)
				pair[0].valid(next.AccessToken, "")
				decode[wire.SuccessResponse](t, pair[1].post(wire.LogoutPath, object{"refreshToken": next.RefreshToken}), http.StatusOK)
				pair[1].valid(next.AccessToken, ended)
			}
			if !strings.Contains(wrong.log.String(), "clocks of this server and of the database differ") {
				t.Error("no warning of a clock that is wrong")
			}
			if strings.Contains(right.log.String(), "clocks of this server and of the database differ") {
				t.Error("a warning of a clock that is right")
			}
		})
	}
}

// TestO5ClockSetBack: a server whose clock was an hour ahead at the first start
// made a key of the future. It signs all the same.
func TestO5ClockSetBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	ahead, err := Open(t.Context(), Config{Database: Database{SQLitePath: path}, Clock: shifted{by: time.Hour}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := ahead.Close(); err != nil {
		t.Fatal(err)
	}
	h := serverFor(t, func(c *Config) { c.Database.SQLitePath, c.Clock = path, clock.System{} })
	h.register("ann")
	h.valid(h.login("ann").AccessToken, "")
	if a := h.do("GET", "/health/ready", ""); a.status != http.StatusOK {
		t.Errorf("ready: %d %s", a.status, a.body)
	}
}
