package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./cmd/authserver -run 'TestEndings|TestPacketsAreDropped' -v -outages 20.
var outages = flag.Int("outages", 1, "how many outages TestEndingsAfter… and TestPacketsAreDropped go through")

// session is one that a test ends.
type session struct {
	email, id     string
	spent         string // a refresh token whose successor was used
	tokens, other wire.TokenResponse
}

// endings are the ways in which a session ends.
var endings = []struct {
	name string
	end  func(b *backends, at *process, s session)
	all  bool // the user's other session ends with it
}{
	{"logout", func(_ *backends, at *process, s session) {
		at.send("POST", wire.LogoutPath, "", fmt.Sprintf(`{"refreshToken":%q}`, s.tokens.RefreshToken), http.StatusOK)
	}, false},
	{"revoke of one session", func(_ *backends, at *process, s session) {
		at.send("DELETE", wire.SessionsPath+"/"+s.id, s.other.AccessToken, "", http.StatusNoContent)
	}, false},
	{"reuse of a refresh token", func(_ *backends, at *process, s session) {
		at.send("POST", wire.RefreshPath, "", fmt.Sprintf(`{"refreshToken":%q}`, s.spent), http.StatusUnauthorized)
	}, false},
	{"change of password", func(_ *backends, at *process, s session) {
		at.send("POST", wire.ChangePasswordPath, s.other.AccessToken, `{"currentPassword":"correct horse","newPassword":"a new and better one"}`, http.StatusOK)
	}, false},
	{"delete", func(_ *backends, at *process, s session) {
		at.send("DELETE", wire.AccountPath, s.tokens.AccessToken, `{"password":"correct horse"}`, http.StatusOK)
	}, true},
	{"disable", func(b *backends, _ *process, s session) { b.operate("users", "disable", s.email) }, true},
	{"change of role", func(b *backends, _ *process, s session) { b.operate("users", "set-role", s.email, "admin") }, true},
}

// backends are five that verify tokens themselves, every other one with the feed
// required. Each follows the feed of one of several servers through a relay.
type backends struct {
	*testing.T
	env     []string // of the servers
	servers []*process
	relays  []*relay
	all     []*client.Client
	users   int
	back    []time.Duration // from the return of a server until every feed was fresh
	late    []time.Duration // from the answer to an ending until every backend refused
}

func newBackends(t *testing.T, servers int, env ...string) *backends {
	t.Helper()
	b := &backends{T: t, env: append(env, "PORT=0", "RATE_LIMIT_DISABLED=true")}
	for range servers {
		b.servers = append(b.servers, run(t, t.TempDir(), b.env...))
	}
	for n := range 5 {
		b.relays = append(b.relays, newRelay(t, b.servers[n%servers]))
		b.all = append(b.all, backend(t, b.relays[n].url, func(c *client.Config) {
			c.Timeout, c.Logger = time.Second, slog.New(slog.DiscardHandler)
			if n%2 == 1 {
				c.Revocations = client.RevocationsRequired
			}
		}))
	}
	return b
}

// operate runs an operator's command on the servers' database.
func (b *backends) operate(arguments ...string) {
	b.Helper()
	execute(b.T, b.TempDir(), "", b.env, arguments...).is(0)
}

// open opens a session for each of the endings.
func (b *backends) open() (opened []session) {
	b.Helper()
	at := b.servers[0]
	refresh := func(token string) (next wire.TokenResponse) {
		at.call(wire.RefreshPath, fmt.Sprintf(`{"refreshToken":%q}`, token), http.StatusOK, &next)
		return next
	}
	for range endings {
		b.users++
		s := session{email: fmt.Sprintf("u%d@example.com", b.users)}
		credentials := fmt.Sprintf(`{"email":%q,"password":"correct horse"}`, s.email)
		var user wire.RegisterResponse
		at.call(wire.RegisterPath, credentials, http.StatusCreated, &user)
		s.spent = user.Token
		s.tokens = refresh(refresh(s.spent).RefreshToken)
		at.call(wire.LoginPath, credentials, http.StatusOK, &s.other)
		for _, c := range b.all {
			u, err := c.Verify(b.Context(), s.tokens.AccessToken)
			if err != nil {
				b.Fatalf("before its end: %v", err)
			}
			s.id = u.SessionID
		}
		opened = append(opened, s)
	}
	return opened
}

// end ends each session in its way, and measures until every backend refuses.
func (b *backends) end(at *process, opened []session) {
	b.Helper()
	for n, s := range opened {
		endings[n].end(b, at, s)
		b.late = append(b.late, refusedByAll(b.T, b.all, s.tokens.AccessToken))
	}
}

// fresh waits until every feed is fresh. What ended before that is then refused
// at once, and nothing else is.
func (b *backends) fresh(since time.Time, ended []session) {
	b.Helper()
	awaitFeed(b.T, "fresh", b.all...)
	b.back = append(b.back, time.Since(since))
	for n, s := range ended {
		for i, c := range b.all {
			if _, err := c.Verify(b.Context(), s.tokens.AccessToken); !errors.Is(err, client.ErrRejected) {
				b.Errorf("backend %d, %s: %v right after the feed was fresh again", i, endings[n].name, err)
			}
			if _, err := c.Verify(b.Context(), s.other.AccessToken); !endings[n].all && err != nil {
				b.Errorf("backend %d, %s: the user's other session: %v", i, endings[n].name, err)
			}
		}
	}
}

func (b *backends) report() {
	b.Helper()
	slices.Sort(b.back)
	slices.Sort(b.late)
	b.Logf("%d outages, from the return of a server until every feed was fresh: p50 %v, max %v", len(b.back), b.back[len(b.back)/2], b.back[len(b.back)-1])
	b.Logf("%d endings, from the answer until every backend refused: p50 %v, p99 %v, max %v",
		len(b.late), b.late[len(b.late)/2], b.late[len(b.late)*99/100], b.late[len(b.late)-1])
}

// TestEndingsAfterAServerWasKilled: the backends of a server that was killed go
// over to another one, or to the one that takes its place, and know at once what
// ended meanwhile.
func TestEndingsAfterAServerWasKilled(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL, three servers", func(t *testing.T) {
		t.Parallel()
		newBackends(t, 3, onPostgres(pgtest.New(t))...).killServers()
	})
	t.Run("SQLite, two servers", func(t *testing.T) {
		t.Parallel()
		newBackends(t, 2, "SQLITE_PATH="+filepath.Join(t.TempDir(), "shared.db"), kekVariable('k')).killServers()
	})
}

func (b *backends) killServers() {
	for range *outages {
		meanwhile, afterwards := b.open(), b.open()
		victim, rest := b.servers[0], b.servers[1:]
		var stranded []*relay
		var silenced []*client.Client
		for n, r := range b.relays {
			if r.leadsTo(victim) {
				r.choose(nil)
				stranded, silenced = append(stranded, r), append(silenced, b.all[n])
			}
		}
		victim.kill()
		awaitFeed(b.T, "silent", silenced...)
		for n, s := range meanwhile {
			endings[n].end(b, rest[0], s)
		}
		successor := run(b.T, b.TempDir(), b.env...).started()
		since := time.Now()
		for n, r := range stranded {
			r.choose([]*process{successor, rest[0]}[n%2])
		}
		b.servers = append(slices.Clone(rest), successor)
		b.fresh(since, meanwhile)
		b.end(rest[0], afterwards)
	}
	b.report()
}

// TestEndingsAfterAFailover: while there is no database every feed is silent, and
// after the failover it is fresh again.
func TestEndingsAfterAFailover(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.NewServer(t), pgtest.NewServer(t)
	standby.Follow(primary)
	primary.AwaitStandby()
	b := newBackends(t, 3, onPostgres(pgtest.URLOfAny(primary, standby))...)
	for range *outages {
		opened := b.open()
		primary.Kill()
		awaitFeed(t, "silent", b.all...)
		for n, c := range b.all {
			var want error
			if n%2 == 1 {
				want = client.ErrUnavailable
			}
			if _, err := c.Verify(t.Context(), opened[0].tokens.AccessToken); !errors.Is(err, want) {
				t.Errorf("backend %d without a database: %v, want %v", n, err, want)
			}
		}
		standby.Promote()
		b.servers[0].until(func() bool {
			answer, err := b.servers[0].client.Get(b.servers[0].url + "/health/ready")
			if err != nil {
				return false
			}
			return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
		})
		b.fresh(time.Now(), nil)
		b.end(b.servers[0], opened)
		primary.Follow(standby)
		standby.AwaitStandby()
		primary, standby = standby, primary
	}
	b.report()
}
