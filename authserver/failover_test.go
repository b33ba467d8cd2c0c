package authserver

import (
	"context"
	"flag"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./authserver -run TestFailover -v -failovers 3.
var failovers = flag.Int("failovers", 1, "how often TestFailover kills the primary")

const failoverKey = "the service key of the failover test"

// failover is three servers on a primary whose commits wait for a standby, and
// clients that go on all the while.
type failover struct {
	*testing.T
	servers  []*harness
	stop     chan struct{}
	progress chan struct{} // gets one for a request that succeeds, where somebody waits
	outage   chan struct{} // holds one once a request was answered with 503
}

func (f *failover) over() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

// ask sends a request to one server after the other until one answers it. An
// answer that is neither a success nor an outage ends the test.
func (f *failover) ask(at int, method, path string, body any, headers ...string) (answer, bool) {
	doc, err := json.Marshal(body)
	if err != nil {
		f.Error(err)
		return answer{}, false
	}
	for ; f.Context().Err() == nil; at++ {
		a, err := f.servers[at%len(f.servers)].try(method, path, string(doc), headers...)
		switch {
		case err != nil:
			f.Errorf("%s: %v", path, err)
			return answer{}, false
		case a.status < 300:
			select {
			case f.progress <- struct{}{}:
			default:
			}
			return a, true
		case a.status == http.StatusServiceUnavailable:
			select {
			case f.outage <- struct{}{}:
			default:
			}
			<-time.After(20 * time.Millisecond) // as a client that asks again
		default:
			f.Errorf("%s: status %d: %s", path, a.status, a.body)
			return answer{}, false
		}
	}
	return answer{}, false
}

func body[T any](f *failover, a answer) (into T) {
	if err := json.Unmarshal([]byte(a.body), &into); err != nil {
		f.Errorf("%v in %s", err, a.body)
	}
	return into
}

// refreshes goes on with a chain of refresh tokens, and asks about each access
// token at another server.
func (f *failover) refreshes(at int, token string) {
	for ; !f.over(); at++ {
		a, ok := f.ask(at, "POST", wire.RefreshPath, object{"refreshToken": token})
		if !ok {
			return
		}
		tokens := body[wire.TokenResponse](f, a)
		token = tokens.RefreshToken
		if a, ok = f.ask(at+1, "POST", wire.ValidatePath, object{"token": tokens.AccessToken}); !ok {
			return
		}
		if verdict := body[wire.ValidateResponse](f, a); !verdict.Valid {
			f.Errorf("a good token is refused: %s", verdict.Error)
			return
		}
	}
}

// spends uses one credit after the other, and counts them.
func (f *failover) spends(at int, user string, spent *atomic.Int64) {
	for ; !f.over(); at++ {
		if _, ok := f.ask(at, "POST", wire.InternalCreditsPath+"/use", object{
			"userId": user, "amount": 1, "appId": "shop", "description": "one", "idempotencyKey": user + "-" + strconv.FormatInt(spent.Load(), 10),
		}, wire.ServiceKeyHeader, failoverKey, wire.AppIDHeader, "shop"); !ok {
			return
		}
		if spent.Add(1) == 100 { // of the 150 that an account begins with
			return
		}
	}
}

// ends logs a user in and out, over and over, and returns the access tokens of
// the sessions that ended.
func (f *failover) ends(at int, user string) (ended []string) {
	for ; !f.over(); at++ {
		a, ok := f.ask(at, "POST", wire.LoginPath, object{"email": user + "@example.com", "password": goodPassword})
		if !ok {
			return ended
		}
		tokens := body[wire.TokenResponse](f, a)
		if _, ok = f.ask(at+1, "POST", wire.LogoutPath, object{"refreshToken": tokens.RefreshToken}); !ok {
			return ended
		}
		ended = append(ended, tokens.AccessToken)
	}
	return ended
}

// ready waits until every server says that it is ready.
func (f *failover) ready() {
	f.Helper()
	for _, h := range f.servers {
		for h.do("GET", "/health/ready", "").status != http.StatusOK {
			if err := f.Context().Err(); err != nil {
				f.Fatal(err)
			}
		}
	}
}

// refusedEverywhere waits until every server refuses a token, which has to be so
// within a second of the logout and of the server's return.
func (f *failover) refusedEverywhere(token string) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	for n, h := range f.servers {
		for {
			a := h.post(wire.ValidatePath, object{"token": token})
			if a.status == http.StatusOK && strings.Contains(a.body, `"valid":false`) {
				break
			}
			if ctx.Err() != nil {
				f.Errorf("server %d still says %d %s", n, a.status, a.body)
				break
			}
		}
	}
}

// TestFailover kills the primary under load and promotes its standby: no good
// token is refused, nothing that was acknowledged is missing, and every server
// goes on without a restart.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.NewServer(t), pgtest.NewServer(t)
	standby.Follow(primary)
	primary.AwaitStandby()
	f := &failover{T: t}
	for range 3 {
		f.servers = append(f.servers, serverFor(t, on(pgtest.URLOfAny(primary, standby)), func(c *Config) {
			c.Clock = clock.System{}
			c.Credits.ServiceKey = failoverKey
		}))
	}
	for round := range *failovers {
		if round > 0 {
			standby.Follow(primary)
			primary.AwaitStandby()
		}
		f.round(round, primary, standby)
		primary, standby = standby, primary
	}
}

// round is one failover under load.
func (f *failover) round(round int, primary, standby *pgtest.Server) {
	f.stop, f.progress, f.outage = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	name := func(what string) string { return what + "-" + strconv.Itoa(round) }
	var clients sync.WaitGroup
	for n := range 3 {
		chain := f.servers[n].register(name("ann" + strconv.Itoa(n))).Token
		clients.Go(func() { f.refreshes(n, chain) })
	}
	var spent atomic.Int64
	spender := f.servers[0].register(name("bob")).ID
	clients.Go(func() { f.spends(0, spender, &spent) })
	f.servers[0].register(name("eve"))
	var ended []string
	clients.Go(func() { ended = f.ends(0, name("eve")) })

	f.requests(300)
	primary.Kill()
	<-f.outage
	standby.Promote()
	f.ready()
	f.requests(300)
	close(f.stop)
	clients.Wait()

	for _, token := range ended {
		f.refusedEverywhere(token)
	}
	a := f.servers[1].do("GET", wire.InternalCreditsPath+"/balance/"+spender, "", wire.ServiceKeyHeader, failoverKey)
	if balance := decode[wire.CreditBalance](f.T, a, http.StatusOK); balance.TotalSpent != spent.Load() {
		f.Errorf("%d credits are spent, and %d were acknowledged", balance.TotalSpent, spent.Load())
	}
	if _, err := ledger.AuditAll(f.Context(), f.servers[2].server.store.Ledger(), nil); err != nil {
		f.Error(err)
	}
	f.Logf("%d sessions ended, %d credits spent", len(ended), spent.Load())
}

// requests waits until as many more were answered with success.
func (f *failover) requests(more int) {
	for range more {
		select {
		case <-f.progress:
		case <-f.Context().Done():
			f.Fatal(f.Context().Err())
		}
	}
}
