package authserver

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// fleet is servers on one database and one clock, and what they were seen to
// publish.
type fleet struct {
	*testing.T
	config  Config
	clock   *clocktest.Clock
	log     *logBuffer
	servers []*replica
	looked  time.Time            // when look was last called
	kids    map[string]time.Time // all that were ever published, and when a key set was last seen without each
}

// replica is a server that signs and publishes as by HTTP.
type replica struct {
	*Server
	access token.Access
}

// stores are configurations for an empty database.
var stores = map[string]func(t *testing.T) Config{
	"SQLite": func(t *testing.T) Config {
		return Config{Database: Database{SQLitePath: filepath.Join(t.TempDir(), "test.db")}, Keys: Keys{EncryptionKey: testKEK}}
	},
	"PostgreSQL": func(t *testing.T) Config {
		return Config{Database: Database{URL: pgtest.New(t)}, Keys: Keys{EncryptionKey: testKEK}}
	},
}

// eachStore runs a test on every store.
func eachStore(t *testing.T, test func(f *fleet)) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFleet(t, config(t)))
		})
	}
}

func newFleet(t *testing.T, config Config) *fleet {
	f := &fleet{T: t, clock: clocktest.New(begin), log: &logBuffer{}, kids: map[string]time.Time{}}
	config.Keys.Rotation, config.HTTP.RateLimitsDisabled = time.Hour, true
	config.Clock, config.Logger = f.clock, slog.New(slog.NewTextHandler(f.log, nil))
	f.config = config
	return f
}

// start starts a server. around stands between it and the database.
func (f *fleet) start(around ...func(store.Store) store.Store) *replica {
	f.Helper()
	cfg, db, err := openConfigured(f.Context(), f.config)
	if err != nil {
		f.Fatal(err)
	}
	for _, wrap := range around {
		db = wrap(db)
	}
	server, err := newServer(f.Context(), cfg, db)
	if err != nil {
		f.Fatal(err)
	}
	r := &replica{Server: server}
	r.access = token.Access{Ring: server.keys.Ring, Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience}
	f.servers = append(f.servers, r)
	f.Cleanup(func() {
		if err := server.Close(); err != nil {
			f.Errorf("Close: %v", err)
		}
	})
	f.look()
	return r
}

// lose takes a server out of the fleet, as one that was killed.
func (f *fleet) lose(dead *replica) {
	if err := dead.work.Close(); err != nil {
		f.Errorf("Close: %v", err)
	}
	for i, r := range f.servers {
		if r == dead {
			f.servers = append(f.servers[:i:i], f.servers[i+1:]...)
		}
	}
}

// advance moves the clock on in steps and looks at what is published.
func (f *fleet) advance(d, step time.Duration) {
	f.Helper()
	for ; d > 0; d -= step {
		f.clock.Advance(min(d, step))
		f.look()
	}
}

// look notes what the servers publish.
func (f *fleet) look() {
	f.Helper()
	now := f.clock.Now()
	var sets []map[string]ed25519.PublicKey
	for _, r := range f.servers {
		sets = append(sets, r.keySet(f.T))
		for kid := range sets[len(sets)-1] {
			if _, known := f.kids[kid]; !known {
				f.kids[kid] = f.looked
			}
		}
	}
	for kid := range f.kids {
		for _, set := range sets {
			if set[kid] == nil {
				f.kids[kid] = now
			}
		}
	}
	f.looked = now
}

// keySet is what a server publishes.
func (r *replica) keySet(t *testing.T) map[string]ed25519.PublicKey {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", wire.JWKSPath, nil))
	var set wire.JWKS
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != 200 || len(set.Keys) == 0 {
		t.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
	}
	found := map[string]ed25519.PublicKey{}
	for _, key := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil {
			t.Fatal(err)
		}
		found[key.Kid] = x
	}
	return found
}

// mint makes an access token as a login does. It is empty where the server may
// not sign.
func (f *fleet) mint(r *replica) string {
	f.Helper()
	now := f.clock.Now()
	signer, err := r.access.Signer(now)
	if err != nil {
		return ""
	}
	text, err := signer.Sign(token.Claims{Sub: "u", Role: "user", Sid: "s", Iat: now.Unix(), Exp: now.Add(15 * time.Minute).Unix()}, token.Standing{})
	if err != nil {
		f.Fatal(err)
	}
	return text
}

func kidOf(t *testing.T, text string) string {
	t.Helper()
	header, _, _ := strings.Cut(text, ".")
	doc, err := base64.RawURLEncoding.DecodeString(header)
	var h struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(doc, &h, json.MatchCaseInsensitiveNames(true))
	}
	if err != nil {
		t.Fatalf("token %s: %v", text, err)
	}
	return h.Kid
}

// wellPublished checks that what each server would sign with by now was in
// every key set that a verifier may still have, and two minutes longer: what
// is published is looked at each other minute at the least.
func (f *fleet) wellPublished() {
	f.Helper()
	for _, r := range f.servers {
		text := f.mint(r)
		if text == "" {
			f.Errorf("at %v a server has no key to sign with", f.clock.Now())
			continue
		}
		kid := kidOf(f.T, text)
		if without, known := f.kids[kid]; !known || f.clock.Now().Sub(without) < cacheTime+2*time.Minute {
			f.Errorf("at %v key %s signs, and at %v a key set was without it", f.clock.Now(), kid, without)
		}
	}
}

// cacheTime is how long a verifier keeps a key set.
const cacheTime = 10 * time.Minute

// verifier checks tokens by a key set that it keeps for the whole of
// cacheTime, whatever tokens come.
type verifier struct {
	set     map[string]ed25519.PublicKey
	fetched time.Time
}

// verify is "" for a good token.
func (v *verifier) verify(f *fleet, from *replica, text string) string {
	now := f.clock.Now()
	if v.set == nil || now.Sub(v.fetched) >= cacheTime {
		v.set, v.fetched = from.keySet(f.T), now
	}
	at := strings.LastIndexByte(text, '.')
	signature, err := base64.RawURLEncoding.DecodeString(text[at+1:])
	public, known := v.set[kidOf(f.T, text)]
	switch {
	case err != nil || !known:
		return "unknown key"
	case !ed25519.Verify(public, []byte(text[:at]), signature):
		return "signature"
	}
	return ""
}

// faulty is a store whose calls about keys go through hooks. A nil hook lets
// the call pass.
type faulty struct {
	store.Store
	reading  func() error
	changing func(change func() error) error // around a transaction
	deciding func() error                    // in a transaction, before the commit
}

func (s *faulty) SigningKeys(ctx context.Context) ([]store.Key, error) {
	if s.reading != nil {
		if err := s.reading(); err != nil {
			return nil, err
		}
	}
	return s.Store.SigningKeys(ctx)
}

func (s *faulty) Tx(ctx context.Context, f func(store.Tx) error) error {
	change := func() error {
		return s.Store.Tx(ctx, func(tx store.Tx) error {
			err := f(tx)
			if err == nil && s.deciding != nil {
				err = s.deciding()
			}
			return err
		})
	}
	if s.changing != nil {
		return s.changing(change)
	}
	return change()
}

// harness sends requests to a server of the fleet over a socket.
func (f *fleet) harness(r *replica) *harness {
	front := httptest.NewServer(r.Handler())
	transport := &http.Transport{}
	f.Cleanup(func() {
		transport.CloseIdleConnections()
		front.Close()
	})
	return &harness{T: f.T, server: r.Server, url: front.URL, client: &http.Client{Transport: transport}, clock: f.clock, log: f.log}
}
