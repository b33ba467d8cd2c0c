package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/postgres"
	"github.com/manacore/manacore-go/authserver/internal/store/sqlite"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(pgtest.Stop(status)) }))
}

// begin is the instant at which every test begins.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

const grace = 30 * time.Second

// memory is what a service tells of sessions and of events.
type memory struct {
	lock   sync.Mutex
	ended  []string
	events []string
}

func (m *memory) Note(sessions []string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.ended = append(m.ended, sessions...)
}

func (m *memory) Event(kind string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.events = append(m.events, kind)
}

// house is a service over a database.
type house struct {
	*testing.T
	*Service
	clock *clocktest.Clock
	told  *memory
}

// eachStore runs a test on both databases, perhaps with something around them.
func eachStore(t *testing.T, wrap func(store.Store) store.Store, test func(h *house)) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"SQLite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
		},
		"PostgreSQL": func(t *testing.T) (store.Store, error) { return postgres.Open(t.Context(), pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			if wrap != nil {
				db = wrap(db)
			}
			test(newHouse(t, db))
		})
	}
}

func newHouse(t *testing.T, db store.Store) *house {
	t.Helper()
	clock, told := clocktest.New(begin), &memory{}
	kek := bytes.Repeat([]byte{7}, keys.KEKBytes)
	key, err := keys.New("kid", kek, rand.Reader, begin)
	if err != nil {
		t.Fatal(err)
	}
	key.SignsFrom, key.TokenTTL = begin, time.Hour
	ring := func() *keys.Ring {
		ring, err := keys.Load([]store.Key{key}, kek, clock.Now())
		if err != nil {
			t.Error(err)
		}
		return ring
	}
	s := New(Config{
		Store: db, Access: token.Access{Ring: ring, Issuer: "manacore", Audience: "manacore"},
		Hasher: password.New(2, 100, rand.Reader), Clock: clock, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Revocations: told, Meter: told,
		Lifetimes: Lifetimes{Idle: 7 * 24 * time.Hour, Remembered: 30 * 24 * time.Hour, Absolute: 60 * 24 * time.Hour},
		AccessTTL: 15 * time.Minute, RefreshGrace: grace, PasswordMinLength: 8,
	})
	t.Cleanup(func() {
		s.Close()
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return &house{T: t, Service: s, clock: clock, told: told}
}

// here is the origin of a client's request, now.
func (h *house) here() Origin {
	return Origin{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "test/1", At: h.clock.Now()}
}

func (h *house) operator() Origin { return Origin{At: h.clock.Now(), Operator: true} }

const goodPassword = "correct horse battery"

func (h *house) register(name string) store.User {
	h.Helper()
	user, _, err := h.Register(h.Context(), h.here(), Registration{Email: name + "@example.com", Password: goodPassword, Name: name})
	if err != nil {
		h.Fatal(err)
	}
	return user
}

func (h *house) login(name string) Tokens {
	h.Helper()
	tokens, err := h.Login(h.Context(), h.here(), name+"@example.com", goodPassword, Device{})
	if err != nil {
		h.Fatal(err)
	}
	return tokens
}

func (h *house) refresh(spent string) Tokens {
	h.Helper()
	tokens, err := h.Refresh(h.Context(), h.here(), spent)
	if err != nil {
		h.Fatal(err)
	}
	return tokens
}

// caller is whom an access token speaks for.
func (h *house) caller(access string) Caller {
	h.Helper()
	c, err := h.Authenticate(h.Context(), access)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// log lists the types of a user's security events, newest first.
func (h *house) log(userID string) []string {
	h.Helper()
	list, err := h.SecurityEvents(h.Context(), userID)
	if err != nil {
		h.Fatal(err)
	}
	var types []string
	for _, e := range list {
		types = append(types, e.Type)
	}
	return types
}

// revocations lists the sessions that other servers read as ended.
func (h *house) revocations() []string {
	h.Helper()
	ids, err := storetest.AllRevocations(h.Context(), h.config.Store)
	if err != nil {
		h.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// twice is a store that is changed by somebody else between the look at a user
// and what follows.
type twice struct {
	store.Store
	between func(db store.Store, user store.User) error
	once    sync.Once
}

func (s *twice) UserByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	user, credential, err := s.Store.UserByEmail(ctx, email)
	return user, credential, s.meanwhile(user, err)
}

func (s *twice) UserByID(ctx context.Context, id string) (store.User, store.Credential, error) {
	user, credential, err := s.Store.UserByID(ctx, id)
	return user, credential, s.meanwhile(user, err)
}

func (s *twice) meanwhile(user store.User, err error) error {
	if err == nil {
		s.once.Do(func() { err = s.between(s.Store, user) })
	}
	return err
}
