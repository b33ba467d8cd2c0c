package guardtest

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// feedState is what becomes of the feed of revocations, and then a session ends.
type feedState struct {
	name string
	// befall brings it about, for a client whose feed is fresh.
	befall func(issuer *authtest.Issuer)
	held   int           // how many sessions a client is then waited for to hold
	later  time.Duration // how much time passes then
	// live and ended are the answers to a token of a session that goes on, and to
	// one of the session that ended: by mode, in the order of feedModes.
	live, ended [len(feedModes)]int
}

var feedModes = [...]client.Revocations{client.RevocationsAuto, client.RevocationsRequired, client.RevocationsOff}

const (
	// silence is longer than a feed may lag.
	silence = 3 * time.Second
	// mostEnded is how many ended sessions a client holds.
	mostEnded = 1 << 18
)

var feedStates = []feedState{
	{
		name: "fresh", befall: func(*authtest.Issuer) {},
		live: [...]int{200, 200, 200}, ended: [...]int{401, 401, 200},
	},
	{
		name: "silent", befall: (*authtest.Issuer).SilenceRevocations, later: silence,
		live: [...]int{200, 200, 200}, ended: [...]int{200, 401, 200},
	},
	{
		name: "cut", befall: (*authtest.Issuer).Refuse, later: silence,
		live: [...]int{200, 503, 200}, ended: [...]int{200, 503, 200},
	},
	{
		name: "lying", later: silence,
		befall: func(issuer *authtest.Issuer) {
			issuer.SilenceRevocations()
			issuer.FaultRevocations(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = w.Write([]byte("data: {\"knownUpTo\":9000000000000000}\n\ndata: nonsense\n\n"))
			})
		},
		live: [...]int{200, 200, 200}, ended: [...]int{200, 401, 200},
	},
	{
		name: "flooding", befall: func(issuer *authtest.Issuer) { issuer.FloodRevocations(mostEnded + 1) }, held: mostEnded,
		live: [...]int{200, 200, 200}, ended: [...]int{200, 401, 200},
	},
}

// RunFeed runs the matrix of feedStates: the real client in local mode behind the
// guard, over real HTTP.
func RunFeed(t *testing.T, build Build) {
	t.Helper()
	for _, state := range feedStates {
		for n, mode := range feedModes {
			t.Run(state.name+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				runFeed(t, build, state, mode, state.live[n], state.ended[n])
			})
		}
	}
}

func runFeed(t *testing.T, build Build, state feedState, mode client.Revocations, live, ended int) {
	issuer := authtest.NewIssuer(t, authtest.WithRevocations())
	var clock lateClock
	auth, err := client.New(client.Config{
		Revocations: mode, Issuers: []client.Issuer{{URL: issuer.URL()}}, HTTPClient: issuer.HTTPClient(),
		Clock: &clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close() })
	layers := guarded()
	layers[0].Auth = auth
	service := start(t, build, App{Guards: layers, Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
	await := func(done func(client.RevocationStats) bool) {
		breath := time.NewTicker(time.Millisecond)
		defer breath.Stop()
		for mode != client.RevocationsOff && !done(auth.Stats().Issuers[0].Revocations) {
			select {
			case <-breath.C:
			case <-t.Context().Done():
				t.Fatal(t.Context().Err())
			}
		}
	}
	if err := auth.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(func(s client.RevocationStats) bool { return s.State == "fresh" })

	ada := authtest.Subject("ada")
	heads := map[string]string{}
	for _, session := range []string{"live", "ended"} {
		heads[session] = "GET /me\nAuthorization: Bearer " + issuer.Token(ada, authtest.SessionID(session))
		if diff := cmp.Diff(as("ada"), service.do(t, heads[session], "")); diff != "" {
			t.Fatalf("before: %s", diff)
		}
	}
	state.befall(issuer)
	if state.held > 0 {
		await(func(s client.RevocationStats) bool { return s.State == "silent" && s.Ended == state.held })
	}
	issuer.Revoke("ended")
	clock.by.Store(int64(state.later))
	if state.later == 0 && state.held == 0 {
		await(func(s client.RevocationStats) bool { return s.Ended == 1 })
	}
	for session, status := range map[string]int{"live": live, "ended": ended} {
		want := map[int]answer{200: as("ada"), 401: invalid("/me"), 503: unavailable("/me")}[status]
		if diff := cmp.Diff(want, service.do(t, heads[session], "")); diff != "" {
			t.Errorf("a token of the session that is %s (-want +got):\n%s", session, diff)
		}
	}
}
