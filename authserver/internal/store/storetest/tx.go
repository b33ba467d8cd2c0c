package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// do runs f in a transaction.
func do(t *testing.T, s store.Store, f func(tx store.Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// steps runs operations one after the other, up to the first that fails.
func steps(operations ...func() error) error {
	for _, operation := range operations {
		if err := operation(); err != nil {
			return err
		}
	}
	return nil
}

// txRecords: what is put is found, in the same transaction and after it.
func txRecords(t *testing.T, s store.Store) {
	a := newAccount("ann")
	find := func(tx store.Tx) (user store.User, credential store.Credential) {
		t.Helper()
		user, err := tx.LockUser(a.user.ID)
		if err != nil {
			t.Error(err)
		}
		if shared, err := tx.ShareUser(a.user.ID); err != nil || shared != user {
			t.Errorf("shared %+v, %v; locked %+v", shared, err, user)
		}
		if credential, err = tx.Credential(a.user.ID); err != nil {
			t.Error(err)
		}
		return user, credential
	}
	do(t, s, func(tx store.Tx) error {
		err := steps(
			func() error { return tx.AddUser(a.user) },
			func() error { return tx.AddCredential(a.user.ID, a.credential, start) },
			func() error { return tx.AddSession(a.session.Session, a.session.Refresh) },
			func() error { return tx.AddEvent(a.event) },
		)
		user, credential := find(tx)
		equal(t, "user", user, a.user)
		equal(t, "credential", credential, a.credential)
		return err
	})
	session, user, err := s.Session(t.Context(), a.session.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "session", session, a.session.Session)
	equal(t, "user of the session", user, a.user)
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{a.event.Type})
	rotate(t, s, renewal(a.session.Refresh, "next", start), store.Renewed)

	changed := a.user
	changed.Email, changed.Name, changed.Role = "new@example.com", "New", "admin"
	changed.Tier, changed.EmailVerified = "founder", true
	changed.UpdatedAt, changed.DisabledAt, changed.DeletedAt = start.Add(1), start.Add(time.Second), start.Add(time.Minute)
	changed.UpdatedAt = start.Add(time.Hour)
	hash := store.Credential{ID: a.credential.ID, PasswordHash: "another"}
	do(t, s, func(tx store.Tx) error {
		if _, err := tx.LockUser(a.user.ID); err != nil {
			return err
		}
		return steps(
			func() error { return tx.PutUser(changed) },
			func() error { return tx.PutCredential(hash, start) },
		)
	})
	for _, by := range []func() (store.User, store.Credential, error){
		func() (store.User, store.Credential, error) { return s.UserByEmail(t.Context(), changed.Email) },
		func() (store.User, store.Credential, error) { return s.UserByID(t.Context(), a.user.ID) },
	} {
		user, credential, err := by()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "user after the change", user, changed)
		equal(t, "credential after the change", credential, hash)
	}
	if _, _, err := s.UserByEmail(t.Context(), a.user.Email); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by the old address: %v, want ErrNotFound", err)
	}
}

// txMissing: what is not there is told of, and what relies on it does not
// happen.
func txMissing(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	bare := store.User{ID: "bare", Email: "bare@example.com", Name: "Bare", Role: "user", Tier: "guest", EmailVerified: true, CreatedAt: start, UpdatedAt: start}
	do(t, s, func(tx store.Tx) error { return tx.AddUser(bare) })
	do(t, s, func(tx store.Tx) error {
		_, locked := tx.LockUser("nobody")
		_, shared := tx.ShareUser("nobody")
		_, credential := tx.Credential(bare.ID)
		for what, err := range map[string]error{"LockUser": locked, "ShareUser": shared, "Credential": credential} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", what, err)
			}
		}
		return tx.AddEvent(store.Event{UserID: bare.ID, Type: store.EventLogout, CreatedAt: start}) // which is stored all the same
	})
	equal(t, "events", eventTypes(t, s, bare.ID), []string{store.EventLogout})
	user, credential, err := s.UserByID(t.Context(), bare.ID)
	if err != nil || user != bare || credential != (store.Credential{}) {
		t.Errorf("a user without a password: %+v, %+v, %v", user, credential, err)
	}

	nobody := bare
	nobody.ID, nobody.Email = "nobody", "nobody@example.com"
	for what, f := range map[string]func(tx store.Tx) error{
		"a user who is not there":       func(tx store.Tx) error { return tx.PutUser(nobody) },
		"a password that is not there":  func(tx store.Tx) error { return tx.PutCredential(store.Credential{ID: "none"}, start) },
		"a session of nobody":           func(tx store.Tx) error { return tx.AddSession(newSession("nobody", "orphan").Session, digest("o")) },
		"an ending that names nothing":  func(tx store.Tx) error { _, err := tx.EndSessions(store.Ending{At: start}); return err },
		"an ending of all but one only": func(tx store.Tx) error { _, err := tx.EndSessions(store.Ending{At: start, Except: "x"}); return err },
	} {
		err := s.Tx(t.Context(), func(tx store.Tx) error {
			_ = tx.AddEvent(store.Event{UserID: a.user.ID, Type: store.EventLogout, CreatedAt: start})
			_ = f(tx) // its error is that of the transaction, whatever becomes of it here
			return nil
		})
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{a.event.Type})
}

// txTaken: an address has one user, whatever follows in the transaction, which
// leaves nothing behind.
func txTaken(t *testing.T, s store.Store) {
	first := mustCreate(t, s, "ann")
	second := newAccount("second")
	for what, prepare := range map[string]func(tx store.Tx) error{
		"a new user": func(tx store.Tx) error {
			second.user.Email = first.user.Email
			return tx.AddUser(second.user)
		},
		"another user's change": func(tx store.Tx) error {
			other := mustFind(t, tx, "user-bob")
			other.Email = first.user.Email
			return tx.PutUser(other)
		},
	} {
		if what == "another user's change" {
			mustCreate(t, s, "bob")
		}
		err := s.Tx(t.Context(), func(tx store.Tx) error {
			return steps(
				func() error { return prepare(tx) },
				func() error {
					return tx.AddEvent(store.Event{UserID: first.user.ID, Type: store.EventLogout, CreatedAt: start})
				},
			)
		})
		if !errors.Is(err, store.ErrEmailTaken) {
			t.Errorf("%s: %v, want ErrEmailTaken", what, err)
		}
	}
	equal(t, "events", eventTypes(t, s, first.user.ID), []string{first.event.Type})
	if _, _, err := s.UserByID(t.Context(), second.user.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refused user: %v", err)
	}
}

func mustFind(t *testing.T, tx store.Tx, id string) store.User {
	t.Helper()
	user, err := tx.LockUser(id)
	if err != nil {
		t.Error(err)
	}
	return user
}

var errChanged = errors.New("changed my mind")

// txUndone: an error of f, a panic in it and a context that ends undo
// everything, and the database goes on.
func txUndone(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	write := func(tx store.Tx) error {
		user := mustFind(t, tx, a.user.ID)
		user.Role = "admin"
		_, ended := tx.EndSessions(store.Ending{At: start, UserID: a.user.ID})
		return steps(
			func() error { return ended },
			func() error { return tx.PutUser(user) },
			func() error {
				return tx.AddEvent(store.Event{UserID: a.user.ID, Type: store.EventRoleChanged, CreatedAt: start})
			},
		)
	}
	if err := s.Tx(t.Context(), func(tx store.Tx) error { return errors.Join(write(tx), errChanged) }); !errors.Is(err, errChanged) {
		t.Errorf("an error of f: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Tx(ctx, func(tx store.Tx) error { err := write(tx); cancel(); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Tx(t.Context(), func(tx store.Tx) error { _ = write(tx); panic("a fault") })
	}()
	user, _, err := s.UserByID(t.Context(), a.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "user", user, a.user)
	equal(t, "session", mustSession(t, s, a.session.ID), a.session.Session)
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{a.event.Type})
	told(t, s)
	do(t, s, write)
	told(t, s, a.session.ID)
}

// txEnds: each way to name the sessions that are to end.
func txEnds(t *testing.T, s store.Store) {
	var names []string
	for _, name := range []string{"ann", "bob"} {
		a := mustCreate(t, s, name)
		names = append(names, a.session.ID)
		for i, expiry := range []time.Time{start.Add(time.Hour), start.Add(-time.Hour)} {
			session := newSession(a.user.ID, name+[]string{" live", " over"}[i])
			session.ExpiresAt = expiry
			do(t, s, func(tx store.Tx) error { return tx.AddSession(session.Session, session.Refresh) })
			names = append(names, session.ID)
		}
	}
	var gone []string
	for _, test := range []struct {
		name  string
		which store.Ending
		want  []string
	}{
		{"unknown", store.Ending{SessionID: "none"}, nil},
		{"unknown token", store.Ending{Refresh: digest("none")}, nil},
		{"another user's", store.Ending{SessionID: "ann live", UserID: "user-bob"}, nil},
		{"by a token", store.Ending{Refresh: digest("ann live")}, []string{"ann live"}},
		{"once more", store.Ending{SessionID: "ann live"}, nil},
		{"by id and user", store.Ending{SessionID: "ann over", UserID: "user-ann"}, []string{"ann over"}},
		{"all but one that are not over", store.Ending{UserID: "user-bob", Except: "bob live", ExpiresAfter: start}, []string{"session-bob"}},
		{"all", store.Ending{UserID: "user-bob"}, []string{"bob live"}}, // the other one ended before
		{"all again", store.Ending{UserID: "user-bob"}, nil},
	} {
		test.which.At = start.Add(time.Minute)
		do(t, s, func(tx store.Tx) error {
			ended, err := tx.EndSessions(test.which)
			var ids []string
			for _, e := range ended {
				ids = append(ids, e.ID)
				if session := mustSession(t, s, e.ID); session.UserID != e.UserID {
					t.Errorf("%s: user %s of %s", test.name, e.UserID, e.ID)
				}
			}
			slices.Sort(ids)
			equal(t, test.name, ids, test.want)
			return err
		})
		gone = append(gone, test.want...)
		told(t, s, gone...)
	}
	gone = append(gone, "bob over") // with all others, though nobody has to be told
	for _, id := range names {
		session := mustSession(t, s, id)
		if ended := slices.Contains(gone, id); ended == session.RevokedAt.IsZero() {
			t.Errorf("%s ended: %v, its row says %v", id, ended, session.RevokedAt)
		}
	}
}

// txLocks: who has locked a user keeps others from locking and from sharing;
// who shares keeps from locking alone. Nobody is let in until the other is done.
func txLocks(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	role := func(to string) func(tx store.Tx) error {
		return func(tx store.Tx) error {
			user, err := tx.LockUser(a.user.ID)
			if err != nil {
				return err
			}
			user.Role = to
			return tx.PutUser(user)
		}
	}
	for _, second := range []struct {
		name string
		take func(tx store.Tx) (store.User, error)
	}{
		{"lock", func(tx store.Tx) (store.User, error) { return tx.LockUser(a.user.ID) }},
		{"share", func(tx store.Tx) (store.User, error) { return tx.ShareUser(a.user.ID) }},
	} {
		do(t, s, role("user"))
		locked, seen := make(chan struct{}), make(chan string, 1)
		go func() {
			<-locked
			_ = s.Tx(t.Context(), func(tx store.Tx) error {
				user, err := second.take(tx)
				seen <- user.Role
				return err
			})
		}()
		do(t, s, func(tx store.Tx) error {
			if err := role("admin")(tx); err != nil {
				return err
			}
			if _, err := tx.Credential(a.user.ID); err != nil { // what waits is sent
				return err
			}
			close(locked)
			return nil
		})
		if got := <-seen; got != "admin" {
			t.Errorf("a %s beside a change saw the role %s", second.name, got)
		}
	}
	// Counting under the lock loses nothing.
	errs := inParallel(8, func(int) error {
		return s.Tx(t.Context(), func(tx store.Tx) error {
			user, err := tx.LockUser(a.user.ID)
			if err != nil {
				return err
			}
			user.Name += "x"
			return tx.PutUser(user)
		})
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	user, _, err := s.UserByID(t.Context(), a.user.ID)
	if err != nil || user.Name != a.user.Name+"xxxxxxxx" {
		t.Errorf("name %q, %v", user.Name, err)
	}
}
