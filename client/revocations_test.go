package client_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/internal/wire"
)

// followed is a client in a bubble, whose time passes while all wait.
type followed struct {
	*testing.T
	issuer *authtest.Issuer
	client *client.Client
	log    *syncBuffer
}

type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func follow(t *testing.T, config client.Config, test func(f *followed), options ...authtest.Option) {
	t.Helper()
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		f := &followed{T: t, log: new(syncBuffer)}
		f.issuer = authtest.NewIssuer(t, append(options, authtest.WithoutSockets())...)
		config.Issuers = []client.Issuer{{URL: f.issuer.URL()}}
		config.HTTPClient = f.issuer.HTTPClient()
		config.Logger = slog.New(slog.NewTextHandler(f.log, nil))
		var err error
		if f.client, err = client.New(config); err != nil {
			t.Fatal(err)
		}
		defer f.client.Close()
		if err := f.client.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(f)
	})
}

func (f *followed) verify(token string, want error) {
	f.Helper()
	user, err := f.client.Verify(f.Context(), token)
	if !errors.Is(err, want) || want == nil && (err != nil || user.ID == "") {
		f.Errorf("Verify: %v, want %v", err, want)
	}
}

func (f *followed) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (f *followed) state(want string) client.RevocationStats {
	f.Helper()
	s := f.client.Stats().Issuers[0].Revocations
	if s.State != want {
		f.Errorf("the feed is %s, want %s: %+v", s.State, want, s)
	}
	return s
}

func feedOf(mode client.Revocations) client.Config { return client.Config{Revocations: mode} }

// TestLogoutCountsInLocalMode: a session that ended is refused at once, on hits
// too, without a call for each token.
func TestLogoutCountsInLocalMode(t *testing.T) {
	for _, mode := range []client.Revocations{client.RevocationsAuto, client.RevocationsRequired} {
		t.Run(string(mode), func(t *testing.T) {
			follow(t, feedOf(mode), func(f *followed) {
				f.state("fresh")
				ada, bob := f.issuer.Token(authtest.SessionID("ada")), f.issuer.Token(authtest.SessionID("bob"))
				before := f.client.Stats()
				f.verify(ada, nil)
				f.verify(ada, nil) // remembered
				f.issuer.Revoke("ada")
				synctest.Wait()
				f.verify(ada, client.ErrRejected)
				f.verify(ada, client.ErrRejected)
				f.verify(f.issuer.Token(authtest.SessionID("ada"), authtest.Subject("other")), client.ErrRejected)
				f.verify(bob, nil)
				f.pass(time.Minute)
				f.verify(bob, nil)
				after := f.client.Stats()
				if verified, denied := after.Verified-before.Verified, after.Unauthenticated-before.Unauthenticated; verified != 4 || denied != 3 {
					f.Errorf("%d verified and %d refused, want 4 and 3", verified, denied)
				}
				if n := f.issuer.ValidateRequests(); n != 0 {
					f.Errorf("%d calls to /validate", n)
				}
				f.state("fresh")
			}, authtest.WithRevocations())
		})
	}
}

// TestSilentFeedAuto: local verification goes on, counted, and logged once.
func TestSilentFeedAuto(t *testing.T) {
	follow(t, feedOf(client.RevocationsAuto), func(f *followed) {
		token := f.issuer.Token(authtest.SessionID("ada"))
		f.verify(token, nil)
		f.issuer.SilenceRevocations()
		f.pass(3 * time.Second)
		f.issuer.Revoke("ada")
		f.verify(token, nil)
		f.verify(token, nil)
		f.pass(time.Minute)
		if s := f.state("silent"); s.Unseen != 2 {
			f.Errorf("%d tokens were verified in silence, want 2", s.Unseen)
		}
		if n := strings.Count(f.log.String(), "the revocation feed is silent"); n != 1 {
			f.Errorf("%d warnings", n)
		}
		f.issuer.Up()
		f.pass(3 * time.Second)
		f.state("fresh")
		f.verify(token, client.ErrRejected)
	}, authtest.WithRevocations())
}

// TestSilentFeedRequired: each token is asked about, and without a verdict there
// is none.
func TestSilentFeedRequired(t *testing.T) {
	follow(t, feedOf(client.RevocationsRequired), func(f *followed) {
		ada, bob := f.issuer.Token(authtest.SessionID("ada")), f.issuer.Token(authtest.SessionID("bob"))
		f.verify(ada, nil)
		f.verify(bob, nil)
		f.issuer.SilenceRevocations()
		f.pass(3 * time.Second)
		f.issuer.Revoke("ada")
		f.verify(ada, client.ErrRejected)
		f.verify(bob, nil)
		f.verify(bob, nil)
		if n := f.issuer.ValidateRequests(); n != 3 {
			f.Errorf("%d calls to /validate, want 3", n)
		}
		f.issuer.FaultValidate(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		f.verify(bob, client.ErrUnavailable)
		f.issuer.Up()
		f.pass(3 * time.Second)
		f.verify(bob, nil)
		if n := f.issuer.ValidateRequests(); n != 4 {
			f.Errorf("%d calls to /validate, want 4", n)
		}
	}, authtest.WithRevocations())
}

// TestSessionWithoutID: a token that names no session cannot be told of.
func TestSessionWithoutID(t *testing.T) {
	for mode, asked := range map[client.Revocations]int{client.RevocationsAuto: 0, client.RevocationsRequired: 2} {
		t.Run(string(mode), func(t *testing.T) {
			follow(t, feedOf(mode), func(f *followed) {
				token := f.issuer.Token(authtest.Without("sid"))
				f.verify(token, nil)
				f.verify(token, nil)
				if n := f.issuer.ValidateRequests(); n != asked {
					f.Errorf("%d calls to /validate, want %d", n, asked)
				}
			}, authtest.WithRevocations())
		})
	}
}

// TestFeedOfAnOlderServer: what is not announced is not asked for, unless it is
// required.
func TestFeedOfAnOlderServer(t *testing.T) {
	for mode, state := range map[client.Revocations]string{client.RevocationsAuto: "unannounced", client.RevocationsOff: "off"} {
		t.Run(string(mode), func(t *testing.T) {
			follow(t, feedOf(mode), func(f *followed) {
				token := f.issuer.Token(authtest.SessionID("ada"))
				f.verify(token, nil)
				f.issuer.Revoke("ada")
				f.pass(time.Minute)
				f.verify(token, nil)
				f.state(state)
				if n := f.issuer.RevocationRequests(); n != 0 {
					f.Errorf("%d requests for a feed", n)
				}
			})
		})
	}
	t.Run("required", func(t *testing.T) {
		follow(t, feedOf(client.RevocationsRequired), func(f *followed) {
			token := f.issuer.Token(authtest.SessionID("ada"))
			f.verify(token, nil)
			f.issuer.Revoke("ada")
			f.verify(token, client.ErrRejected)
			f.state("silent")
		})
	})
	t.Run("off, announced", func(t *testing.T) {
		follow(t, feedOf(client.RevocationsOff), func(f *followed) {
			f.pass(time.Minute)
			if n := f.issuer.RevocationRequests(); n != 0 {
				f.Errorf("%d requests for a feed", n)
			}
		}, authtest.WithRevocations())
	})
}

// TestKeyEvents: a key that is published is known at once, one that is retired
// verifies nothing any more, and a kid that nobody published is refused without a
// fetch.
func TestKeyEvents(t *testing.T) {
	follow(t, feedOf(client.RevocationsAuto), func(f *followed) {
		old := f.issuer.Token()
		f.verify(old, nil)
		kid := f.issuer.Kids()[0]
		f.issuer.Rotate()
		f.issuer.RemoveKey(kid)
		synctest.Wait()
		f.verify(old, client.ErrUnknownKey)
		f.verify(f.issuer.Token(), nil)
		f.pass(2 * time.Second) // servers may differ until then
		before := f.issuer.JWKSRequests()
		for range 10 {
			f.verify(f.issuer.Token(authtest.OtherKey(), authtest.Header("kid", "made-up")), client.ErrUnknownKey)
		}
		if n := f.issuer.JWKSRequests() - before; n != 0 {
			f.Errorf("%d fetches for a kid that nobody published", n)
		}
	}, authtest.WithRevocations())
}

// TestKeyEventsOfSeveralServers: where one server tells of a new key, and another
// that has not read it yet answers for the key set, a token of the key is no 401.
// The set is fetched again when every server has read the key.
func TestKeyEventsOfSeveralServers(t *testing.T) {
	follow(t, feedOf(client.RevocationsAuto), func(f *followed) {
		f.pass(2 * time.Second)
		document := f.keySet()
		f.issuer.FaultJWKS(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(document)
		})
		f.issuer.Rotate()
		f.pass(time.Second)
		f.issuer.FaultJWKS(nil)
		f.verify(f.issuer.Token(), nil)

		f.issuer.FaultJWKS(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(document)
		})
		f.issuer.Rotate()
		f.pass(time.Second)
		f.issuer.FaultJWKS(nil)
		f.pass(2 * time.Second)
		before := f.issuer.JWKSRequests()
		f.verify(f.issuer.Token(), nil)
		f.verify(f.issuer.Token(authtest.OtherKey(), authtest.Header("kid", "made-up")), client.ErrUnknownKey)
		if n := f.issuer.JWKSRequests() - before; n != 0 {
			f.Errorf("%d fetches, where the set was to be whole without them", n)
		}
	}, authtest.WithRevocations())
}

// keySet is the key set as the issuer publishes it.
func (f *followed) keySet() []byte {
	f.Helper()
	answer, err := f.issuer.HTTPClient().Get(f.issuer.URL() + wire.JWKSPath)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	document, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	return document
}

// TestServiceKeyForTheFeed: it goes to the feed alone, and one that is refused is
// left out.
func TestServiceKeyForTheFeed(t *testing.T) {
	config := feedOf(client.RevocationsAuto)
	config.ServiceKey, config.AppID = "the key of another service", "shop"
	var mu sync.Mutex
	var keys []string
	config.HTTPClient = nil
	follow(t, config, func(f *followed) {
		f.issuer.Down()
		synctest.Wait()
		f.issuer.Up()
		f.issuer.FaultRevocations(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, r.Header.Get(wire.ServiceKeyHeader))
			w.WriteHeader(http.StatusUnauthorized)
		})
		f.pass(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(keys) < 2 || keys[0] != config.ServiceKey || keys[1] != "" {
			f.Errorf("the keys sent are %q", keys)
		}
		if strings.Contains(f.log.String(), config.ServiceKey) {
			f.Error("the service key is in the log")
		}
	}, authtest.WithRevocations())
}

// TestRevocationsConfig: what is wrong is said with what it holds and should.
func TestRevocationsConfig(t *testing.T) {
	t.Setenv("MANA_AUTH_REVOCATIONS", "always")
	if _, err := client.ConfigFromEnv(); err == nil || !strings.Contains(err.Error(), `MANA_AUTH_REVOCATIONS is "always", and must be "auto", "off" or "required"`) {
		t.Errorf("%v", err)
	}
	_, err := client.New(client.Config{Revocations: client.RevocationsRequired, Issuers: []client.Issuer{{JWKSURL: "https://keys.example.com/jwks"}}})
	if err == nil || !strings.Contains(err.Error(), "MANA_AUTH_URL") {
		t.Errorf("only JWKSURL, required: %v", err)
	}
	alone, err := client.New(client.Config{Issuers: []client.Issuer{{JWKSURL: "https://keys.example.com/jwks"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if s := alone.Stats().Issuers[0].Revocations.State; s != "off" {
		t.Errorf("only JWKSURL: the feed is %s", s)
	}
}
