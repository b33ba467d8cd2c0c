package authserver

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./authserver -run 'RefreshRace|Theft' -rotation.rounds 1000.
var rounds = flag.Int("rotation.rounds", 3, "how often the tests of races and of theft play theirs")

// onEveryStore runs a test over both databases, each with one server and with
// two that share it.
func onEveryStore(t *testing.T, run func(t *testing.T, servers []*harness)) {
	for _, database := range []string{"sqlite", "postgres"} {
		for count := 1; count <= 2; count++ {
			t.Run(fmt.Sprintf("%s, %d servers", database, count), func(t *testing.T) {
				t.Parallel()
				shared := func(*Config) {}
				if database == "postgres" {
					shared = on(pgtest.New(t))
				}
				servers := []*harness{serverFor(t, shared)}
				if count == 2 {
					path := servers[0].path
					servers = append(servers, serverFor(t, func(c *Config) { c.Database.SQLitePath = path }, shared))
				}
				run(t, servers)
			})
		}
	}
}

// TestA164RefreshRace: of 64 who present one token at once, all get the same
// successor, and there is no second family.
func TestA164RefreshRace(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, servers []*harness) {
		user := servers[0].register("ann")
		token := servers[0].login("ann").RefreshToken
		for range *rounds {
			token = race(t, servers, token)
		}
		last := servers[0].refreshed(token)
		servers[0].valid(last.AccessToken, "")
		sessions, err := servers[0].server.store.LiveSessions(t.Context(), user.ID, begin, 100)
		if err != nil || len(sessions) != 2 { // of the registration and of the login
			t.Errorf("%d sessions, %v", len(sessions), err)
		}
		if slices.Contains(servers[0].events(user.ID), store.EventRefreshReuse) {
			t.Error("an honest client was taken for a thief")
		}
	})
}

// race presents a token 64 times at once and returns the one successor.
func race(t *testing.T, servers []*harness, token string) string {
	t.Helper()
	body := `{"refreshToken":"` + token + `"}`
	var (
		all     sync.WaitGroup
		answers [64]answer
		errs    [64]error
	)
	for i := range answers {
		all.Go(func() { answers[i], errs[i] = servers[i%len(servers)].try("POST", wire.RefreshPath, body) })
	}
	all.Wait()
	successors := map[string]bool{}
	for i, a := range answers {
		var got wire.TokenResponse
		if err := errors.Join(errs[i], json.Unmarshal([]byte(a.body), &got)); err != nil || a.status != http.StatusOK {
			t.Fatalf("%v, status %d: %s", err, a.status, a.body)
		}
		successors[got.RefreshToken] = true
		token = got.RefreshToken
	}
	if len(successors) != 1 {
		t.Fatalf("%d successors", len(successors))
	}
	return token
}

// TestA163TheftEveryTime: reuse ends the family each time, whichever server it
// reaches, and no other family of the user.
func TestA163TheftEveryTime(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, servers []*harness) {
		honest := servers[len(servers)-1]
		advance := func(d time.Duration) {
			for _, server := range servers {
				server.clock.Advance(d)
			}
		}
		servers[0].register("ann")
		other := servers[0].login("ann")
		for round := range *rounds {
			stolen := servers[0].login("ann")
			next := honest.refreshed(stolen.RefreshToken)
			if round%2 == 0 {
				next = honest.refreshed(next.RefreshToken)
			} else {
				advance(31 * time.Second)
			}
			for _, token := range []string{stolen.RefreshToken, next.RefreshToken} {
				servers[0].refused(servers[0].refresh(token), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
			}
			advance(revocation.PollInterval)
			for _, server := range servers {
				server.valid(next.AccessToken, ended)
			}
			other = honest.refreshed(other.RefreshToken)
			honest.valid(other.AccessToken, "")
		}
	})
}
