// Package storetest is the suite that every store.Store passes: what the
// interfaces promise, and that decisions hold when many ask at once.
package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// start is the instant at which every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

const grace = 30 * time.Second

// Run runs the suite. open makes an empty store and closes it when the test
// ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, test := range append(ledgerTests, []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"records of a transaction", txRecords},
		{"what a transaction does not find", txMissing},
		{"a taken address in a transaction", txTaken},
		{"transactions that are undone", txUndone},
		{"sessions that a transaction ends", txEnds},
		{"locks of transactions", txLocks},
		{"O1 many sessions of a user", manySessions},
		{"sessions of an epoch", epochs},
		{"the oldest sessions", oldestSessions},
		{"users", users},
		{"e-mail taken", emailTaken},
		{"registration race", registrationRace},
		{"sessions", sessions},
		{"sessions of a user", userSessions},
		{"revocation", revocation},
		{"revocations", revocations},
		{"directory", directory},
		{"rotation", rotation},
		{"rotation verdicts", verdicts},
		{"A163 reuse", reuse},
		{"A164 rotation race", rotationRace},
		{"rotations together", rotationsTogether},
		{"rotation fault", rotationFault},
		{"keys", signingKeys},
		{"half a change of keys", halfChangeOfKeys},
		{"race for keys", keysRace},
		{"events", events},
		{"purge of sessions", purgeSessions},
		{"race of purges", purgeRace},
		{"statistics", statistics},
		{"V2 failures", failures},
		{"V2 known devices", devices},
	}...) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// account is a user as the tests make them, with a session of the same name.
type account struct {
	user       store.User
	credential store.Credential
	session    session
	event      store.Event
}

// session is a session and its first refresh token.
type session struct {
	store.Session
	Refresh store.Digest
}

func digest(text string) store.Digest { return sha256.Sum256([]byte(text)) }

func newAccount(name string) account {
	user := store.User{
		ID: "user-" + name, Email: name + "@example.com", Name: name, Role: "user", Tier: "public",
		CreatedAt: start, UpdatedAt: start,
	}
	return account{
		user:       user,
		credential: store.Credential{ID: "account-" + name, PasswordHash: "hash-" + name},
		session:    newSession(user.ID, "session-"+name),
		event:      store.Event{UserID: user.ID, Type: store.EventRegister, CreatedAt: start},
	}
}

func newSession(userID, id string) session {
	return session{
		Session: store.Session{
			ID: id, UserID: userID, CreatedAt: start, LastActivityAt: start, ExpiresAt: start.Add(7 * 24 * time.Hour),
			RememberMe: true, IPAddress: "192.0.2.1", UserAgent: "test/1", DeviceID: "d1", DeviceName: "phone",
		},
		Refresh: digest(id),
	}
}

func (a account) create(t *testing.T, s store.Store) error {
	t.Helper()
	return s.Tx(t.Context(), func(tx store.Tx) error {
		return steps(
			func() error { return tx.AddUser(a.user) },
			func() error { return tx.AddCredential(a.user.ID, a.credential, a.user.CreatedAt) },
			func() error { return tx.AddSession(a.session.Session, a.session.Refresh) },
			func() error { return tx.AddEvent(a.event) },
		)
	})
}

func mustCreate(t *testing.T, s store.Store, name string) account {
	t.Helper()
	a := newAccount(name)
	if err := a.create(t, s); err != nil {
		t.Fatalf("creating %s: %v", name, err)
	}
	return a
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func mustSession(t *testing.T, s store.Store, id string) store.Session {
	t.Helper()
	session, _, err := s.Session(t.Context(), id)
	if err != nil {
		t.Fatalf("Session(%s): %v", id, err)
	}
	return session
}

func users(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	mustCreate(t, s, "bob")
	gone := newAccount("gone")
	gone.user.DeletedAt, gone.user.DisabledAt = start, start
	if err := gone.create(t, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []account{a, gone} {
		user, credential, err := s.UserByEmail(t.Context(), want.user.Email)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "user", user, want.user)
		equal(t, "credential", credential, want.credential)
	}
	if _, _, err := s.UserByEmail(t.Context(), "nobody@example.com"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown address: %v, want ErrNotFound", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// emailTaken: a refused registration leaves nothing behind.
func emailTaken(t *testing.T, s store.Store) {
	first := mustCreate(t, s, "ann")
	second := newAccount("second")
	second.user.Email = first.user.Email
	if err := second.create(t, s); !errors.Is(err, store.ErrEmailTaken) {
		t.Fatalf("taken address: %v, want ErrEmailTaken", err)
	}
	if _, _, err := s.Session(t.Context(), second.session.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("session of a refused registration: %v, want ErrNotFound", err)
	}
	_, credential, err := s.UserByEmail(t.Context(), first.user.Email)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "credential", credential, first.credential)
	if got := eventTypes(t, s, second.user.ID); got != nil {
		t.Errorf("events of a refused registration: %v", got)
	}

	// A failure after the user was written takes the user back too.
	third := newAccount("third")
	third.session.Refresh = first.session.Refresh
	if err := third.create(t, s); err == nil || errors.Is(err, store.ErrEmailTaken) {
		t.Fatalf("two sessions with one refresh token: %v, want another error", err)
	}
	if _, _, err := s.UserByEmail(t.Context(), third.user.Email); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("user of a failed registration: %v, want ErrNotFound", err)
	}
}

func registrationRace(t *testing.T, s store.Store) {
	errs := inParallel(16, func(i int) error {
		a := newAccount(fmt.Sprint("racer", i))
		a.user.Email = "same@example.com"
		return a.create(t, s)
	})
	var won int
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, store.ErrEmailTaken):
			t.Errorf("loser: %v, want ErrEmailTaken", err)
		}
	}
	if won != 1 {
		t.Errorf("%d registrations of one address succeeded", won)
	}
}

func inParallel(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

func sessions(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	full := newSession(a.user.ID, "full")
	bare := session{
		Session: store.Session{ID: "bare", UserID: a.user.ID, CreatedAt: start, LastActivityAt: start, ExpiresAt: start.Add(time.Hour)},
		Refresh: digest("bare"),
	}
	for _, opened := range []session{full, bare} {
		do(t, s, func(tx store.Tx) error { return tx.AddSession(opened.Session, opened.Refresh) })
		got, user, err := s.Session(t.Context(), opened.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "session "+opened.ID, got, opened.Session)
		equal(t, "user of "+opened.ID, user, a.user)
	}
	if _, _, err := s.Session(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown session: %v, want ErrNotFound", err)
	}
}
