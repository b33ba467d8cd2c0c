// Package wirerecord holds a record of what the auth server answers on the
// wire, and plays it against the server as it is. It uses the public API of
// authserver alone, in a package of its own, so that it builds and compares
// while the inside of the server is rebuilt.
//
//	go test ./internal/wirerecord            # compares
//	go test ./internal/wirerecord -update    # writes the record anew
package wirerecord

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/internal/pgtest"
)

var update = flag.Bool("update", false, "write the record that SQLite gives")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(pgtest.Stop(status)) }))
}

// scene is a script that is played to a server of its own.
type scene struct {
	name  string
	setup setup
	steps []step
}

func scenes() []scene {
	return []scene{
		{"account", setup{}, accountSteps()},
		{"input", setup{}, inputSteps()},
		{"session", setup{}, sessionSteps()},
		{"validate", setup{issuer: "elsewhere"}, validateSteps()},
		{"plumbing", setup{}, plumbingSteps()},
		{"credits", setup{}, creditSteps()},
		{"service", setup{}, serviceSteps("/api/v1/credits")},
		{"internal", setup{}, serviceSteps("/api/v1/internal/credits")},
		{"limits", setup{limited: true}, limitSteps()},
		{"outage", setup{}, outageSteps()},
	}
}

// TestWire plays each scene on both databases. They have one record: a client
// cannot tell which database a server is on.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			file := goldenFile(s.name)
			// One after the other, because SQLite writes what PostgreSQL is compared to.
			t.Run("sqlite", func(t *testing.T) {
				got := play(t, s, place{path: filepath.Join(t.TempDir(), "record.db")})
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				compare(t, file, got)
			})
			t.Run("postgresql", func(t *testing.T) {
				compare(t, file, play(t, s, place{url: pgtest.New(t)}))
			})
		})
	}
}

func goldenFile(name string) string { return filepath.Join("testdata", name+".golden") }

// shownDifferences bounds a report: one more id moves the numbers of all that
// follow.
const shownDifferences = 3

func compare(t *testing.T, file, got string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, have := strings.Split(string(content), "\n\n"), strings.Split(got, "\n\n")
	differences := 0
	for i := range max(len(want), len(have)) {
		var before, after []string
		if i < len(want) {
			before = strings.Split(want[i], "\n")
		}
		if i < len(have) {
			after = strings.Split(have[i], "\n")
		}
		diff := cmp.Diff(before, after)
		if diff == "" {
			continue
		}
		if differences++; differences <= shownDifferences {
			t.Errorf("%s, exchange %d (-recorded +now):\n%s", file, i+1, diff)
		}
	}
	if differences > shownDifferences {
		t.Errorf("%s: %d exchanges differ, of which the first %d are shown", file, differences, shownDifferences)
	}
}

// leastRequests is what the record has to have at least.
const leastRequests = 200

// routes are all of the server's, and whether a client can be refused on them
// while the server is well. Both prefixes of the services count for themselves.
var routes = map[string]bool{
	"POST /api/v1/auth/register": true, "POST /api/v1/auth/login": true, "POST /api/v1/auth/refresh": true,
	"POST /api/v1/auth/logout": true, "GET /api/v1/auth/session": true, "GET /api/v1/auth/sessions": true,
	"DELETE /api/v1/auth/sessions/{id}": true, "GET /api/v1/auth/security-events": true,
	"POST /api/v1/auth/change-password": true, "DELETE /api/v1/auth/account": true, "POST /api/v1/auth/validate": true,
	"GET /api/v1/auth/jwks": false, "GET /api/v1/health": false, "GET /api/v1/health/live": false, "GET /api/v1/health/ready": true,
	"GET /health": false, "GET /health/live": false, "GET /health/ready": true,
	"GET /api/v1/credits/balance": true, "GET /api/v1/credits/transactions": true, "GET /api/v1/credits/purchases": true,
	"GET /api/v1/credits/packages": true, "POST /api/v1/credits/use": true, "POST /api/v1/internal/credits/use": true,
}

var exchangeLine = regexp.MustCompile(`(?m)^> (\S+) (.+)$(?:\n[>=].*)*\n< (\d+)`)

// TestEveryRoute: the record has a success of every route and, where there can
// be one, a refusal.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/api/v1/credits", "/api/v1/internal/credits"} {
		for _, route := range []string{"GET %/balance/{userId}", "GET %/transactions/{userId}", "POST %/init", "POST %/refund",
			"POST %/grant", "POST %/reserve", "POST %/commit", "POST %/refund-reservation"} {
			routes[strings.Replace(route, "%", prefix, 1)] = true
		}
	}
	mux := http.NewServeMux()
	for route := range routes {
		mux.HandleFunc(route, func(http.ResponseWriter, *http.Request) {})
	}
	requests, succeeded, refused := 0, map[string]bool{}, map[string]bool{}
	for _, s := range scenes() {
		content, err := os.ReadFile(goldenFile(s.name))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range exchangeLine.FindAllStringSubmatch(string(content), -1) {
			requests++
			path := strings.NewReplacer("<", "", ">", "", " ", "-").Replace(match[2])
			r, err := http.NewRequest(match[1], "http://server"+path, nil)
			if err != nil {
				continue // a method or a path that is meant to be odd
			}
			_, pattern := mux.Handler(r)
			if match[3] < "400" {
				succeeded[pattern] = true
			} else {
				refused[pattern] = true
			}
		}
	}
	t.Logf("%d requests, %d routes", requests, len(routes))
	if requests < leastRequests {
		t.Errorf("%d requests, fewer than %d", requests, leastRequests)
	}
	for route, refusable := range routes {
		if !succeeded[route] || refusable && !refused[route] {
			t.Errorf("%s: success %v, refusal %v", route, succeeded[route], refused[route])
		}
	}
}
