package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/argon2"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/benchmarks/internal/load"
	"github.com/manacore/manacore-go/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const connections = 64

// scaled is n, or with -short, which only shows that a benchmark runs, a
// twentieth.
func scaled(n int) int {
	if testing.Short() {
		return max(n/20, 1)
	}
	return n
}

// inTurns measures server and floor one after the other, b.N times, and
// reports the rates and their ratio. Of the floor it returns what is reported
// of the server as p99-ms.
func inTurns(b *testing.B, server, floor func(b *testing.B) load.Result) (floorP99 time.Duration) {
	b.Helper()
	server(b) // connections to the database, caches
	floor(b)
	var spent, spentFloor time.Duration
	var sent, sentFloor int
	var worst time.Duration
	b.ResetTimer()
	for b.Loop() {
		ours, least := server(b), floor(b)
		spent, spentFloor = spent+ours.Elapsed, spentFloor+least.Elapsed
		sent, sentFloor = sent+len(ours.Latencies), sentFloor+len(least.Latencies)
		worst, floorP99 = max(worst, ours.Percentile(99)), max(floorP99, least.Percentile(99))
	}
	rate, rateFloor := float64(sent)/spent.Seconds(), float64(sentFloor)/spentFloor.Seconds()
	b.ReportMetric(rate, "req/s")
	b.ReportMetric(rateFloor, "floor-req/s")
	b.ReportMetric(rate/rateFloor, "x")
	b.ReportMetric(milliseconds(worst), "p99-ms")
	return floorP99
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func run(b *testing.B, addr string, clients []load.Client) load.Result {
	b.Helper()
	result, err := load.Run(addr, clients)
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// listen serves handler on a free port.
func listen(b *testing.B, handler http.Handler) (addr string) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	b.Cleanup(func() {
		server.Close()
		<-ended
	})
	return listener.Addr().String()
}

// open is an auth server as it is deployed, its log included.
func open(b *testing.B, config authserver.Config) (addr string) {
	b.Helper()
	config.HTTP.RateLimitsDisabled = true
	config.Logger = slog.New(slog.DiscardHandler)
	if config.Database.URL == "" {
		config.Database.SQLitePath = filepath.Join(b.TempDir(), "bench.db")
	} else {
		config.Keys.EncryptionKey = make([]byte, 32)
	}
	server, err := authserver.Open(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	})
	return listen(b, server.Handler())
}

type tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	Token        string `json:"token"`
}

// ask sends one request.
func ask(b *testing.B, addr, path, body string) (answer tokens) {
	b.Helper()
	var err error
	run(b, addr, []load.Client{func(status int, got []byte) ([]byte, error) {
		if status == 0 {
			return load.Request("POST", path, body), nil
		}
		if status > 299 {
			return nil, fmt.Errorf("%s: %d %s", path, status, got)
		}
		err = json.Unmarshal(got, &answer)
		return nil, err
	}})
	return answer
}

const (
	registerPath = "/api/v1/auth/register"
	loginPath    = "/api/v1/auth/login"
	refreshPath  = "/api/v1/auth/refresh"
	validatePath = "/api/v1/auth/validate"
	jwksPath     = "/api/v1/auth/jwks"
	password     = "correct horse battery"
)

func register(b *testing.B, addr, name string) tokens {
	return ask(b, addr, registerPath, `{"email":"`+name+`@example.com","password":"`+password+`","name":"Bench"}`)
}

// empty answers 204 to everything.
var empty = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// BenchmarkValidate asks about 1000 tokens in turn, beside an empty handler of
// the same net/http server.
func BenchmarkValidate(b *testing.B) {
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		b.Run(database, func(b *testing.B) {
			var config authserver.Config
			if database == "PostgreSQL" {
				config.Database.URL = pgtest.New(b)
			}
			addr, floor := open(b, config), listen(b, empty)
			refresh := register(b, addr, "validate").Token
			requests := make([][]byte, scaled(1000))
			for n := range requests {
				if n%100 == 0 { // some sessions, many tokens
					refresh = ask(b, addr, loginPath, `{"email":"validate@example.com","password":"`+password+`"}`).RefreshToken
				}
				t := ask(b, addr, refreshPath, `{"refreshToken":"`+refresh+`"}`)
				refresh = t.RefreshToken
				requests[n] = load.Request("POST", validatePath, `{"token":"`+t.AccessToken+`"}`)
			}
			nothing := [][]byte{requests[0]}
			inTurns(b,
				func(b *testing.B) load.Result {
					return run(b, addr, load.Repeat(connections, scaled(10000), 200, requests))
				},
				func(b *testing.B) load.Result {
					return run(b, floor, load.Repeat(connections, scaled(10000), 204, nothing))
				})
		})
	}
}

// BenchmarkJWKS fetches the key set, beside an empty handler.
func BenchmarkJWKS(b *testing.B) {
	addr, floor := open(b, authserver.Config{}), listen(b, empty)
	requests := [][]byte{load.Request("GET", jwksPath, "")}
	inTurns(b,
		func(b *testing.B) load.Result {
			return run(b, addr, load.Repeat(connections, scaled(10000), 200, requests))
		},
		func(b *testing.B) load.Result {
			return run(b, floor, load.Repeat(connections, scaled(10000), 204, requests))
		})
}

// BenchmarkLogin logs in, beside argon2id alone on every core.
func BenchmarkLogin(b *testing.B) {
	addr := open(b, authserver.Config{})
	register(b, addr, "login")
	requests := [][]byte{load.Request("POST", loginPath, `{"email":"login@example.com","password":"`+password+`"}`)}
	logins := scaled(400)
	inTurns(b,
		func(b *testing.B) load.Result { return run(b, addr, load.Repeat(connections, logins, 200, requests)) },
		func(*testing.B) load.Result {
			start, salt := time.Now(), make([]byte, 16)
			var all sync.WaitGroup
			cores := runtime.GOMAXPROCS(0)
			for range cores {
				all.Go(func() {
					for range logins / cores {
						argon2.IDKey([]byte(password), salt, 2, 19*1024, 1, 32)
					}
				})
			}
			all.Wait()
			return load.Result{Elapsed: time.Since(start), Latencies: make([]time.Duration, logins/cores*cores)}
		})
}

// BenchmarkRefresh rotates refresh tokens on PostgreSQL, each connection a
// chain of its own, beside a handler that does no more than one rotating
// statement on the same PostgreSQL.
func BenchmarkRefresh(b *testing.B) {
	database := pgtest.New(b)
	addr := open(b, authserver.Config{Database: authserver.Database{URL: database}})
	bare := &bareRotation{pool: pool(b, database)}
	floor := listen(b, bare)
	chains, bareChains := make([]string, connections), make([]string, connections)
	for n := range connections {
		chains[n] = register(b, addr, fmt.Sprint("refresh", n)).Token
		bareChains[n] = bare.first(b)
	}
	rotations := scaled(40) // of each chain
	inTurns(b,
		func(b *testing.B) load.Result { return run(b, addr, rotating(chains, rotations)) },
		func(b *testing.B) load.Result { return run(b, floor, rotating(bareChains, rotations)) })
}

// rotating makes a client of each chain; its token is the newest at the end.
func rotating(chains []string, rotations int) []load.Client {
	list := make([]load.Client, len(chains))
	for n := range chains {
		left := rotations
		list[n] = func(status int, body []byte) ([]byte, error) {
			if status != 0 {
				var t tokens
				if err := json.Unmarshal(body, &t); err != nil || status != http.StatusOK {
					return nil, fmt.Errorf("status %d: %s, %v", status, body, err)
				}
				chains[n] = t.RefreshToken
			}
			if left--; left < 0 {
				return nil, nil
			}
			return load.Request("POST", refreshPath, `{"refreshToken":"`+chains[n]+`"}`), nil
		}
	}
	return list
}

func pool(b *testing.B, database string) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = 16
	p, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	if _, err := p.Exec(b.Context(), `CREATE TABLE bare (hash bytea PRIMARY KEY, user_id text NOT NULL,
		made_at timestamptz NOT NULL, spent_at timestamptz, successor bytea)`); err != nil {
		b.Fatal(err)
	}
	return p
}

// bareRotation is the floor: the token is spent and its successor stored, by
// their hashes and durably. Spent ones stay, or else theft would not show.
type bareRotation struct{ pool *pgxpool.Pool }

func (h *bareRotation) next() (token string, hash []byte) {
	secret := make([]byte, 32)
	rand.Read(secret)
	token = base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(token))
	return token, sum[:]
}

func (h *bareRotation) first(b *testing.B) string {
	token, hash := h.next()
	if _, err := h.pool.Exec(b.Context(), `INSERT INTO bare (hash, user_id, made_at) VALUES ($1, $2, now())`, hash, token[:8]); err != nil {
		b.Fatal(err)
	}
	return token
}

func (h *bareRotation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		RefreshToken string `json:"refreshToken"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	spent := sha256.Sum256([]byte(request.RefreshToken))
	token, hash := h.next()
	var user string
	err := h.pool.QueryRow(r.Context(), `WITH spent AS (
			UPDATE bare SET spent_at = now(), successor = $2 WHERE hash = $1 AND spent_at IS NULL RETURNING user_id
		)
		INSERT INTO bare (hash, user_id, made_at) SELECT $2, user_id, now() FROM spent RETURNING user_id`, spent[:], hash).Scan(&user)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.Copy(w, strings.NewReader(`{"refreshToken":"`+token+`","accessToken":"`+user+`"}`))
}
