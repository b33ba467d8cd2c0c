package client_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// relay stores the key set and answers from its store, as a cache on the way
// does, with an Age that the test says.
type relay struct {
	issuer *authtest.Issuer
	obeys  bool // goes to the issuer when it is asked for Cache-Control: no-cache
	age    int  // what it says of what it has stored; 0: it has no Age

	mu      sync.Mutex
	stored  *httptest.ResponseRecorder
	noCache int // how many questions had Cache-Control: no-cache
}

func (c *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := r.Header.Get("Cache-Control") == "no-cache"
	if asked {
		c.noCache++
	}
	hit := c.stored != nil && !(asked && c.obeys)
	if !hit {
		c.stored = httptest.NewRecorder()
		plain := r.Clone(r.Context())
		plain.Header = http.Header{}
		c.issuer.ServeHTTP(c.stored, plain)
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "ETag"} {
		w.Header().Set(name, c.stored.Header().Get(name))
	}
	if hit && c.age > 0 {
		w.Header().Set("Age", strconv.Itoa(c.age))
	}
	if r.Header.Get("If-None-Match") == c.stored.Header().Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(c.stored.Body.Bytes())
}

// behindRelay is a rig whose key set comes through a relay.
func behindRelay(t *testing.T, c *relay, edit func(*client.Config)) (r *rig, through func(*client.Config)) {
	t.Helper()
	r = newRig(t, nil)
	c.issuer = r.Issuer
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	through = func(config *client.Config) {
		config.Cache.Size = -1
		config.Issuers[0].JWKSURL = server.URL + "/api/v1/auth/jwks"
		if edit != nil {
			edit(config)
		}
	}
	r.auth = r.newClient(through)
	return r, through
}

// S1: a look for a kid that is not known asks the caches on the way not to answer
// by themselves, a refresh in the background does not.
func TestS1CacheLetsTheQuestionThrough(t *testing.T) {
	t.Parallel()
	for _, cold := range []bool{false, true} {
		c := &relay{obeys: true, age: 60}
		r, through := behindRelay(t, c, nil)
		if err := r.auth.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.noCache != 0 {
			t.Error("the first look at the whole set passed the caches by")
		}
		r.Rotate()
		if cold {
			r.auth = r.newClient(through)
		}
		r.wantOK(r.Token())
		if c.noCache != 1 {
			t.Errorf("cold=%t: %d questions with no-cache, want 1", cold, c.noCache)
		}
	}
}

// S1: what a cache has stored from before the question can't say that a kid is
// not published: no verdict, and a line for the operator.
func TestS1CacheAnswersByItself(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, _ := behindRelay(t, &relay{age: 60}, func(c *client.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	known := r.Token()
	r.wantOK(known)
	r.Rotate()
	r.want(r.Token(), client.ErrKeyPending)
	r.want(r.Token(authtest.UnknownKid()), client.ErrKeyPending)
	r.wantOK(known)
	if s := r.auth.Stats(); s.KeyPending != 2 || s.Unavailable != 0 || s.Unauthenticated != 0 {
		t.Errorf("stats %+v: want 2 pending and nobody refused", s)
	}
	r.auth.Close()
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "Cache-Control: no-cache") {
		t.Errorf("the log says: %s", text)
	}
}

// S1: an Age that the question itself took says nothing about a store.
func TestS1AgeOfASlowAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	r.wantOK(r.Token())
	r.FaultJWKS(func(w http.ResponseWriter, req *http.Request) {
		r.clock.Advance(3 * time.Second)
		w.Header().Set("Age", "3")
		r.FaultJWKS(nil)
		r.ServeHTTP(w, req)
	})
	r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
}
