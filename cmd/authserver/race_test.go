package main

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run:
//
//	go test ./cmd/authserver -run TestRefreshRace -rotation.rounds 1000
var raceRounds = flag.Int("rotation.rounds", 2, "how often TestRefreshRace plays each of its races")

// TestRefreshRace lets 64 clients present one token at once to one server
// process, and to two on one database (I164): all get the same successor, and
// the next round goes on from it.
func TestRefreshRace(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		for count := 1; count <= 2; count++ {
			t.Run(fmt.Sprintf("%s, %d processes", store, count), func(t *testing.T) {
				t.Parallel()
				dir, env := t.TempDir(), []string{"PORT=0", "RATE_LIMIT_DISABLED=true"}
				if store == "PostgreSQL" {
					env = append(env, onPostgres(pgtest.New(t))...)
				}
				var servers []*process
				for range count {
					servers = append(servers, run(t, dir, env...))
				}
				var user wire.RegisterResponse
				servers[0].call(wire.RegisterPath, `{"email":"ann@example.com","password":"correct horse","name":"Ann"}`, http.StatusCreated, &user)
				token := user.Token
				for range *raceRounds {
					token = race(t, servers, token)
				}
			})
		}
	}
}

// race presents token 64 times at once and returns the successor.
func race(t *testing.T, servers []*process, token string) string {
	t.Helper()
	var (
		all        sync.WaitGroup
		start      = make(chan struct{})
		successors [64]string
		errs       [64]error
	)
	for n := range successors {
		all.Go(func() {
			<-start
			successors[n], errs[n] = servers[n%len(servers)].rotate(token)
		})
	}
	close(start)
	all.Wait()
	for n, successor := range successors {
		if errs[n] != nil || successor == token || successor != successors[0] {
			t.Fatalf("request %d: another successor than request 0, or %v", n, errs[n])
		}
	}
	return successors[0]
}
