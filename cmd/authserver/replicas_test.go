package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestReplicaKilled kills one of three servers on one PostgreSQL under load:
// requests that were under way there fail, every other one is answered, and a
// client that asks again elsewhere with the same token goes on with its chain.
func TestReplicaKilled(t *testing.T) {
	t.Parallel()
	env := append(onPostgres(pgtest.New(t)), "PORT=0", "RATE_LIMIT_DISABLED=true")
	var replicas []*process
	for range 3 {
		replicas = append(replicas, run(t, t.TempDir(), env...))
	}
	const (
		clients   = 8
		rotations = 60 // of each client
		victim    = 1
	)
	var (
		all      sync.WaitGroup
		killed   atomic.Bool
		rotated  atomic.Int64
		failures atomic.Int64
	)
	var users [clients]wire.RegisterResponse // all of them before the first client may kill
	for n := range users {
		replicas[n%3].call(wire.RegisterPath, fmt.Sprintf(`{"email":"u%d@example.com","password":"correct horse","name":"Ann"}`, n), http.StatusCreated, &users[n])
	}
	for n := range clients {
		all.Go(func() {
			token, failed := users[n].Token, 0
			for asked := n; rotated.Load() < clients*rotations; asked++ {
				at := asked % 3
				if at == victim && killed.Load() {
					continue // as a load balancer does
				}
				next, err := replicas[at].rotate(token)
				switch {
				case err == nil:
					token = next
				case at == victim && killed.Load() && failed == 0:
					failed++
					failures.Add(1)
					continue
				default:
					t.Errorf("client %d at replica %d: %v", n, at, err)
					return
				}
				// The load is under way: so are requests at the victim.
				if rotated.Add(1) == clients*rotations/3 {
					killed.Store(true)
					if err := replicas[victim].command.Process.Kill(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d rotations, %d requests failed with the replica", rotated.Load(), failures.Load())
	replicas[victim].wait()
}

// onPostgres are the variables of a server on a database of PostgreSQL.
func onPostgres(url string) []string { return []string{"DATABASE_URL=" + url, kekVariable('k')} }

// rotate exchanges a refresh token for the next one.
func (p *process) rotate(token string) (string, error) {
	response, err := p.client.Post(p.url+wire.RefreshPath, "application/json", bytes.NewReader([]byte(`{"refreshToken":"`+token+`"}`)))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	var tokens wire.TokenResponse
	if err := json.Unmarshal(body, &tokens); err != nil {
		return "", err
	}
	return tokens.RefreshToken, nil
}
