package authserver

import (
	"bufio"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// following is a stream of the feed that a test reads.
type following struct {
	*harness
	events chan wire.Revocations // closed when the stream has ended
}

// follow begins a stream. Headers are those of do.
func (h *harness) follow(headers ...string) *following {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+wire.RevocationsPath, nil)
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set("Accept", wire.EventStream)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := h.client.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != wire.EventStream || answer.Header.Get("Cache-Control") != "no-store" {
		h.Fatalf("status %d, header %v", answer.StatusCode, answer.Header)
	}
	f := &following{harness: h, events: make(chan wire.Revocations, 1000)}
	go func() {
		defer close(f.events)
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var event wire.Revocations
				if err := json.Unmarshal([]byte(data), &event); err != nil {
					h.Errorf("event %q: %v", data, err)
				}
				f.events <- event
			}
		}
	}()
	h.Cleanup(h.server.EndStreams)
	return f
}

// next is the next event.
func (f *following) next() wire.Revocations {
	f.Helper()
	event, open := <-f.events
	if !open {
		f.Fatal("the stream has ended")
	}
	return event
}

// whole are the sessions of the events up to one that leaves nothing open.
func (f *following) whole() (sessions []wire.SessionDigest, last wire.Revocations) {
	f.Helper()
	for {
		last = f.next()
		for _, s := range last.Sessions {
			sessions = append(sessions, s.ID)
		}
		if !last.More {
			return sessions, last
		}
	}
}

// names checks that the events from here on name a session and no other.
func (f *following) names(sid string) {
	f.Helper()
	for {
		sessions, _ := f.whole()
		if len(sessions) == 0 {
			continue // a heartbeat
		}
		if len(sessions) != 1 || sessions[0] != wire.DigestSession(sid) {
			f.Errorf("the feed names %v, want the session %s", sessions, sid)
		}
		return
	}
}

// onTwoServers runs a test on two servers over one database, of each kind.
func onTwoServers(t *testing.T, test func(here, there *harness, admin *Admin)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		here := serverFor(t)
		share := func(c *Config) { c.Database.SQLitePath, c.Clock = here.path, here.clock }
		there := serverFor(t, share)
		there.clock = here.clock
		test(here, there, adminOf(here))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := pgtest.New(t)
		here := serverFor(t, on(url))
		there := serverFor(t, on(url), func(c *Config) { c.Clock = here.clock })
		there.clock = here.clock
		test(here, there, adminOf(here, on(url)))
	})
}

// TestFeedTellsWhateverEndsASession: the server that ends a session tells it at
// once, and any other one after its next poll.
func TestFeedTellsWhateverEndsASession(t *testing.T) {
	onTwoServers(t, func(here, there *harness, admin *Admin) {
		mine, theirs := here.follow(), there.follow()
		mine.whole()
		theirs.whole()
		for name, end := range map[string]func(user string, tokens wire.TokenResponse) error{
			"logout": func(_ string, tokens wire.TokenResponse) error {
				here.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken})
				return nil
			},
			"theft": func(_ string, tokens wire.TokenResponse) error {
				here.refreshed(here.refreshed(tokens.RefreshToken).RefreshToken)
				here.refresh(tokens.RefreshToken)
				return nil
			},
			"deleted": func(_ string, tokens wire.TokenResponse) error {
				here.as(tokens.AccessToken, "DELETE", wire.AccountPath, object{"password": goodPassword})
				return nil
			},
			"role changed": func(user string, _ wire.TokenResponse) error {
				_, err := admin.SetRole(here.Context(), user+"@example.com", "admin")
				return err
			},
			"disabled": func(user string, _ wire.TokenResponse) error {
				_, err := admin.Disable(here.Context(), user+"@example.com")
				return err
			},
			"revoked by an operator": func(user string, _ wire.TokenResponse) error {
				_, err := admin.RevokeSessions(here.Context(), user+"@example.com")
				return err
			},
		} {
			user := strings.ReplaceAll(name, " ", "-")
			// The session of the registration ends first, so that one is left.
			first := here.register(user)
			here.post(wire.LogoutPath, object{"refreshToken": first.Token})
			here.clock.Advance(revocation.PollInterval)
			mine.whole()
			theirs.whole()
			tokens := here.login(user)
			sid := here.verdict(tokens.AccessToken).Payload.Sid
			if err := end(user, tokens); err != nil {
				here.Errorf("%s: %v", name, err)
			}
			here.clock.Advance(revocation.PollInterval)
			mine.names(sid)
			theirs.names(sid)
		}
	})
}

// TestFeedResumes: a stream goes on where another one ended, and begins anew on
// another server.
func TestFeedResumes(t *testing.T) {
	onTwoServers(t, func(here, there *harness, _ *Admin) {
		here.register("ann")
		first, second := here.login("ann"), here.login("ann")
		here.post(wire.LogoutPath, object{"refreshToken": first.RefreshToken})
		here.clock.Advance(time.Second)
		sessions, last := here.follow().whole()
		if len(sessions) != 1 || last.Cursor == "" {
			here.Fatalf("the snapshot has %d sessions, cursor %q", len(sessions), last.Cursor)
		}
		here.clock.Advance(time.Minute)
		there.post(wire.LogoutPath, object{"refreshToken": second.RefreshToken})
		here.clock.Advance(revocation.PollInterval)
		event := here.follow(wire.LastEventID, last.Cursor).next()
		if event.Snapshot || len(event.Sessions) != 1 {
			here.Errorf("resumes with %+v, want the session that ended meanwhile", event)
		}
		event = there.follow(wire.LastEventID, last.Cursor).next()
		if !event.Snapshot || len(event.Sessions) != 2 {
			here.Errorf("begins on the other server with %+v, want both sessions", event)
		}

		// The same in one document, for those who poll.
		a := there.do("GET", wire.RevocationsPath, "")
		document := decode[wire.Revocations](there.T, a, http.StatusOK)
		if !document.Snapshot || document.More || len(document.Sessions) != 2 || document.Cursor == "" {
			here.Errorf("the document is %+v", document)
		}
	})
}

// TestFeedTellsOfKeys: a key event comes with the next poll of the keys.
func TestFeedTellsOfKeys(t *testing.T) {
	onTwoServers(t, func(here, there *harness, admin *Admin) {
		f := there.follow()
		f.whole()
		if err := admin.RotateKey(here.Context()); err != nil {
			here.Fatal(err)
		}
		here.clock.Advance(2 * time.Second)
		for {
			if event := f.next(); len(event.Keys) > 0 {
				if event.Keys[0].Change != wire.KeyPublished || event.Keys[0].Kid == "" {
					here.Errorf("%+v", event.Keys)
				}
				return
			}
		}
	})
}

// TestFeedIsSilentWithoutTheDatabase: no heartbeat says that everything is known
// while the revocations cannot be read, and nobody begins with what was known
// before.
func TestFeedIsSilentWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	h, db := watch(t)
	f := h.follow()
	_, begun := f.whole()
	db.noLooks.Store(true)
	h.clock.Advance(10 * time.Second)
	for _, accept := range []string{"*/*", wire.EventStream} {
		a := h.do("GET", wire.RevocationsPath, "", "Accept", accept)
		h.refused(a, wire.ServiceUnavailable, wire.RevocationsPath, "Not every session that ended is known, retry later")
		if after := a.header.Get("Retry-After"); after != "1" {
			t.Errorf("Retry-After %q", after)
		}
	}
	db.noLooks.Store(false)
	h.clock.Advance(revocation.PollInterval)
	if _, next := f.whole(); next.KnownUpTo-begun.KnownUpTo < 10_000 {
		t.Errorf("a heartbeat %d ms after the beginning", next.KnownUpTo-begun.KnownUpTo)
	}
}

// TestFeedBegunAgainAndAgain: a stranger begins the feed from nothing only so
// often. Resuming costs nothing, and neither do those who are known.
func TestFeedBegunAgainAndAgain(t *testing.T) {
	t.Parallel()
	const single = "a service key of more than 32 characters"
	h := serverFor(t, func(c *Config) {
		c.Credits.ServiceKey = single
		c.HTTP.RateLimitsDisabled = false
		c.HTTP.RateLimits.Heavy = Limit{Requests: 3, Per: time.Minute}
	})
	begin := func(headers ...string) answer { return h.do("GET", wire.RevocationsPath, "", headers...) }
	cursor := decode[wire.Revocations](t, begin(), http.StatusOK).Cursor
	for range 5 {
		for name, a := range map[string]answer{"resumed": begin(wire.LastEventID, cursor), "with a key": begin(wire.ServiceKeyHeader, single)} {
			if a.status != http.StatusOK {
				t.Errorf("%s: %d", name, a.status)
			}
		}
	}
	begin()
	begin()
	a := begin()
	h.refused(a, wire.ServiceUnavailable, wire.RevocationsPath, "The feed was begun too often from this address, retry later")
	if a.header.Get("Retry-After") != "20" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}

func TestFeedIsAnnounced(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	const want = `</api/v1/auth/revocations>; rel="urn:manacore:revocations"`
	whole := h.do("GET", wire.JWKSPath, "")
	if got := whole.header.Get("Link"); got != want {
		t.Errorf("Link %q", got)
	}
	if again := h.do("GET", wire.JWKSPath, "", "If-None-Match", whole.header.Get("ETag")); again.status != http.StatusNotModified || again.header.Get("Link") != want {
		t.Errorf("status %d, Link %q", again.status, again.header.Get("Link"))
	}
}

// TestFeedAccess: who may follow, where a service key is required.
func TestFeedAccess(t *testing.T) {
	t.Parallel()
	const single = "a service key of more than 32 characters"
	h := serverFor(t, func(c *Config) {
		c.Feed.ServiceKeyRequired = true
		c.Credits.ServiceKey = single
	})
	h.refused(h.do("GET", wire.RevocationsPath, ""), wire.Unauthorized, wire.RevocationsPath, "No service key provided")
	h.refused(h.do("GET", wire.RevocationsPath, "", wire.ServiceKeyHeader, "another"), wire.Unauthorized, wire.RevocationsPath, "Invalid service key")
	if a := h.do("GET", wire.RevocationsPath, "", wire.ServiceKeyHeader, single); a.status != http.StatusOK {
		t.Errorf("status %d with the key", a.status)
	}
	trusting := serverFor(t, func(c *Config) {
		c.Feed.ServiceKeyRequired = true
		c.Feed.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	if a := trusting.do("GET", wire.RevocationsPath, ""); a.status != http.StatusOK {
		t.Errorf("status %d from a trusted network", a.status)
	}
}

// TestFeedPlaces: strangers have half of the places, and those with a key the
// rest.
func TestFeedPlaces(t *testing.T) {
	t.Parallel()
	const single = "a service key of more than 32 characters"
	h := serverFor(t, func(c *Config) {
		c.Feed.Streams = 4
		c.Credits.ServiceKey = single
	})
	h.follow()
	h.follow()
	a := h.do("GET", wire.RevocationsPath, "", "Accept", wire.EventStream)
	h.refused(a, wire.ServiceUnavailable, wire.RevocationsPath, "Every place of the feed is taken, retry later")
	if a.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	h.follow(wire.ServiceKeyHeader, single)
}

// TestFeedEnds: an HTTP server can shut down, and no stream begins meanwhile.
func TestFeedEnds(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	f := h.follow()
	f.whole()
	h.server.EndStreams()
	for range f.events { // until it is closed
	}
	a := h.do("GET", wire.RevocationsPath, "", "Accept", wire.EventStream)
	h.refused(a, wire.ServiceUnavailable, wire.RevocationsPath, "This server is about to end, retry later")
	for name := range h.scrape() {
		if strings.Contains(name, "duration") && strings.Contains(name, wire.RevocationsPath) {
			t.Errorf("the duration of a stream is measured: %s", name)
		}
	}
}
