package authserver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// hangingStore is a database that, once it hangs, answers nobody until the test
// lets it. Whoever asks and leaves is let go.
type hangingStore struct {
	store.Store
	lock  sync.Mutex
	hangs chan struct{} // closed where it answers again; nil: it does not hang
	asked chan struct{} // told of each question meanwhile
}

func (s *hangingStore) wait(ctx context.Context) error {
	s.lock.Lock()
	hangs := s.hangs
	s.lock.Unlock()
	if hangs == nil {
		return nil
	}
	select {
	case s.asked <- struct{}{}:
	default:
	}
	select {
	case <-hangs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *hangingStore) Session(ctx context.Context, id string) (store.Session, store.User, error) {
	if err := s.wait(ctx); err != nil {
		return store.Session{}, store.User{}, err
	}
	return s.Store.Session(ctx, id)
}

func (s *hangingStore) UserByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	if err := s.wait(ctx); err != nil {
		return store.User{}, store.Credential{}, err
	}
	return s.Store.UserByEmail(ctx, email)
}

func (s *hangingStore) ServiceKeys(ctx context.Context) ([]store.ServiceKey, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.ServiceKeys(ctx)
}

func (s *hangingStore) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	if err := s.wait(ctx); err != nil {
		panic("nobody ends the context of a batch")
	}
	return s.Store.Rotate(ctx, rotations)
}

func (s *hangingStore) Tx(ctx context.Context, f func(store.Tx) error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Tx(ctx, f)
}

func (s *hangingStore) Ready(ctx context.Context) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Ready(ctx)
}

func (s *hangingStore) Ledger() ledger.Store { return hangingLedger{s.Store.Ledger(), s} }

type hangingLedger struct {
	ledger.Store
	of *hangingStore
}

func (s hangingLedger) Execute(ctx context.Context, need ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	if err := s.of.wait(ctx); err != nil {
		return err
	}
	return s.Store.Execute(ctx, need, decide)
}

func (s hangingLedger) Account(ctx context.Context, userID string, now time.Time) (ledger.Account, bool, bool, error) {
	if err := s.of.wait(ctx); err != nil {
		return ledger.Account{}, false, false, err
	}
	return s.Store.Account(ctx, userID, now)
}

// O19: while the database hangs, a caller who gives up comes back although it
// still hangs, whatever was asked for.
func TestO19CallerWhoGivesUp(t *testing.T) {
	t.Parallel()
	db := &hangingStore{asked: make(chan struct{}, 1)}
	h := serverOver(t, func(s store.Store) store.Store { db.Store = s; return db }, withServiceKey)
	h.register("ann")
	tokens := h.login("ann")
	user := tokens.User.ID
	bearer, known := as(tokens.AccessToken), asService(nil)
	unknown := []string{wire.ServiceKeyHeader, "another-service-key-which-is-long-too", wire.AppIDHeader, "chat"}

	hangs := make(chan struct{})
	db.lock.Lock()
	db.hangs = hangs
	db.lock.Unlock()
	t.Cleanup(func() { close(hangs) }) // before the server is closed
	for name, ask := range map[string]struct {
		method, path, body string
		headers            []string
	}{
		"user's own session":  {"GET", wire.SessionPath, "", bearer},
		"validation":          {"POST", wire.ValidatePath, `{"token":"` + tokens.AccessToken + `"}`, nil},
		"login":               {"POST", wire.LoginPath, `{"email":"ann@example.com","password":"correct horse"}`, nil},
		"registration":        {"POST", wire.RegisterPath, `{"email":"bob@example.com","password":"correct horse battery","name":"Bob"}`, nil},
		"refresh":             {"POST", wire.RefreshPath, `{"refreshToken":"` + tokens.RefreshToken + `"}`, nil},
		"logout":              {"POST", wire.LogoutPath, `{"refreshToken":"` + tokens.RefreshToken + `"}`, bearer},
		"user's balance":      {"GET", wire.CreditsPath + "/balance", "", bearer},
		"unknown service key": {"GET", wire.InternalCreditsPath + "/balance/" + user, "", unknown},
		"service's balance":   {"GET", wire.InternalCreditsPath + "/balance/" + user, "", known},
		"service's use":       {"POST", wire.InternalCreditsPath + "/use", `{"userId":"` + user + `","amount":1,"description":"words"}`, known},
		"readiness":           {"GET", "/health/ready", "", nil},
	} {
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, ask.method, ask.path, strings.NewReader(ask.body))
		r.RemoteAddr = "192.0.2.1:1000"
		if ask.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i < len(ask.headers); i += 2 {
			r.Header.Set(ask.headers[i], ask.headers[i+1])
		}
		select { // what a worker asked before
		case <-db.asked:
		default:
		}
		answered := make(chan int)
		go func() {
			w := httptest.NewRecorder()
			h.server.Handler().ServeHTTP(w, r)
			answered <- w.Code
		}()
		select {
		case <-db.asked:
			leave()
			if status := <-answered; status != http.StatusServiceUnavailable {
				t.Errorf("%s: %d, want 503", name, status)
			}
		case status := <-answered:
			t.Errorf("%s: %d without a question to the database", name, status)
		}
		leave()
	}
}
