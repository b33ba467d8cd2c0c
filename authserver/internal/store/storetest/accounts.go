package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func changePassword(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	mustLogin(t, s, a.user.ID, "kept")
	mustLogin(t, s, a.user.ID, "other")
	later := start.Add(time.Minute)
	change := store.PasswordChange{
		UserID: a.user.ID, Old: a.credential.PasswordHash, New: "new hash", Keep: "kept",
		Event: store.Event{Type: store.EventPasswordChanged, IPAddress: "192.0.2.9", CreatedAt: later},
	}
	ended, err := s.ChangePassword(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	sameIDs(t, "ended", ended, []string{a.session.ID, "other"})
	live(t, s, map[string]bool{"kept": true, "other": false, a.session.ID: false, b.session.ID: true})
	told(t, s, a.session.ID, "other")
	user, credential, err := s.Credential(t.Context(), a.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "user", user, a.user)
	equal(t, "credential", credential, store.Credential{ID: a.credential.ID, PasswordHash: "new hash"})
	event := change.Event
	event.UserID = a.user.ID
	equal(t, "newest event", mustEvents(t, s, a.user.ID, 1), []store.Event{event})

	// The old one is not the user's any more, and nothing happens.
	if ended, err := s.ChangePassword(t.Context(), change); !errors.Is(err, store.ErrNotFound) || ended != nil {
		t.Errorf("another password by now: %v, %v, want ErrNotFound", ended, err)
	}
	change.UserID = "nobody"
	if _, err := s.ChangePassword(t.Context(), change); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown user: %v, want ErrNotFound", err)
	}
	live(t, s, map[string]bool{"kept": true})

	// Whatever the old one is, and all sessions.
	change = store.PasswordChange{UserID: a.user.ID, New: "newer hash", Event: change.Event}
	if ended, err = s.ChangePassword(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	equal(t, "ended", ended, []string{"kept"})
	if ended, err = s.ChangePassword(t.Context(), change); err != nil || ended != nil {
		t.Errorf("without a session: %v, %v", ended, err)
	}
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{store.EventPasswordChanged, store.EventPasswordChanged, store.EventPasswordChanged,
		store.EventLogin, store.EventLogin, store.EventRegister})
	equal(t, "events of another user", eventTypes(t, s, b.user.ID), []string{store.EventRegister})

	if _, _, err := s.ChangeUser(t.Context(), a.user.ID, store.Disable, store.Event{Type: store.EventUserDisabled, CreatedAt: later}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ChangePassword(t.Context(), change); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("disabled user: %v, want ErrNotFound", err)
	}
	for _, id := range []string{a.user.ID, "nobody"} {
		if _, _, err := s.Credential(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("credential of %s: %v, want ErrNotFound", id, err)
		}
	}
}

func changeUser(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	want := a.user
	at := start
	for i, step := range []struct {
		kind    string
		change  store.Change
		changes bool
		adjust  func(u *store.User)
	}{
		{store.EventRoleChanged, store.SetRole("admin"), true, func(u *store.User) { u.Role = "admin" }},
		{store.EventRoleChanged, store.SetRole("admin"), false, nil},
		{store.EventUserEnabled, store.Enable, false, nil},
		{store.EventUserDisabled, store.Disable, true, func(u *store.User) { u.DisabledAt = at }},
		{store.EventUserDisabled, store.Disable, false, nil},
		{store.EventUserEnabled, store.Enable, true, func(u *store.User) { u.DisabledAt = time.Time{} }},
		{store.EventUserDeleted, store.Delete, true, func(u *store.User) { u.DeletedAt = at }},
	} {
		at = at.Add(time.Minute)
		var open []string
		if want.Active() {
			open = []string{fmt.Sprint("session", i)}
			mustLogin(t, s, a.user.ID, open[0])
		}
		event := store.Event{Type: step.kind, Metadata: jsontext.Value(`{"by":"test"}`), CreatedAt: at}
		user, ended, err := s.ChangeUser(t.Context(), a.user.ID, step.change, event)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if !step.changes {
			equal(t, "ended by nothing", ended, []string(nil))
			equal(t, "user", user, want)
			if _, err := s.RevokeUserSessions(t.Context(), a.user.ID, "", store.Event{Type: "clean", CreatedAt: at}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		step.adjust(&want)
		want.UpdatedAt = at
		equal(t, "user of the answer", user, want)
		found, err := s.FindUser(t.Context(), a.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "user as stored", found, want)
		if i == 0 {
			open = append(open, a.session.ID)
		}
		sameIDs(t, fmt.Sprint("ended by step ", i), ended, open)
		for _, id := range open {
			live(t, s, map[string]bool{id: false})
		}
		event.UserID = a.user.ID
		equal(t, "newest event", mustEvents(t, s, a.user.ID, 1), []store.Event{event})
	}
	live(t, s, map[string]bool{b.session.ID: true})

	for _, id := range []string{a.user.ID, "nobody"} { // the first is deleted by now
		_, _, err := s.ChangeUser(t.Context(), id, store.SetRole("user"), store.Event{Type: "late", CreatedAt: at})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("change of %s: %v, want ErrNotFound", id, err)
		}
	}
}

// loginRace: whoever logs in by the old password or in the old role while it is
// being changed, or while the user is shut out, has no session in the end.
func loginRace(t *testing.T, s store.Store) {
	for name, change := range map[string]func(a account) error{
		"password": func(a account) error {
			_, err := s.ChangePassword(t.Context(), store.PasswordChange{UserID: a.user.ID, New: "new",
				Event: store.Event{Type: store.EventPasswordChanged, CreatedAt: start}})
			return err
		},
		"role": func(a account) error {
			_, _, err := s.ChangeUser(t.Context(), a.user.ID, store.SetRole("admin"), store.Event{Type: store.EventRoleChanged, CreatedAt: start})
			return err
		},
		"disable": func(a account) error {
			_, _, err := s.ChangeUser(t.Context(), a.user.ID, store.Disable, store.Event{Type: store.EventUserDisabled, CreatedAt: start})
			return err
		},
	} {
		for round := range 5 {
			a := mustCreate(t, s, fmt.Sprint(name, round))
			var all sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				all.Go(func() {
					session := newSession(a.user.ID, fmt.Sprint(name, round, "-", i))
					session.PasswordHash, session.Role = a.credential.PasswordHash, a.user.Role
					errs[i] = s.CreateSession(t.Context(), session, store.Event{UserID: a.user.ID, Type: store.EventLogin, CreatedAt: start})
				})
			}
			changed := change(a)
			all.Wait()
			if changed != nil {
				t.Fatal(changed)
			}
			for _, err := range errs {
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			}
			list, err := s.LiveSessions(t.Context(), a.user.ID, start, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != 0 {
				t.Errorf("%s, round %d: %d sessions live on", name, round, len(list))
			}
		}
	}
}

func directory(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "a")
	added := newAccount("b")
	added.user.Role = "admin"
	event := store.Event{UserID: added.user.ID, Type: store.EventUserCreated, CreatedAt: start}
	if err := s.AddUser(t.Context(), added.user, added.credential, event); err != nil {
		t.Fatal(err)
	}
	equal(t, "events", mustEvents(t, s, added.user.ID, 10), []store.Event{event})
	if _, credential, err := s.CredentialByEmail(t.Context(), added.user.Email); err != nil || credential != added.credential {
		t.Errorf("credential %v, %v", credential, err)
	}
	if list, err := s.LiveSessions(t.Context(), added.user.ID, start, 10); err != nil || list != nil {
		t.Errorf("sessions of one who never logged in: %v, %v", list, err)
	}
	taken := newAccount("c")
	taken.user.Email = a.user.Email
	if err := s.AddUser(t.Context(), taken.user, taken.credential, event); !errors.Is(err, store.ErrEmailTaken) {
		t.Errorf("taken address: %v, want ErrEmailTaken", err)
	}

	gone := newAccount("d")
	gone.user.DeletedAt = start
	if err := gone.create(t, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []store.User{a.user, added.user, gone.user} {
		for _, key := range []string{want.ID, want.Email} {
			got, err := s.FindUser(t.Context(), key)
			if err != nil {
				t.Fatalf("FindUser(%s): %v", key, err)
			}
			equal(t, "user "+key, got, want)
		}
	}
	for _, key := range []string{"", "nobody", "A@example.com"} {
		if _, err := s.FindUser(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindUser(%q): %v, want ErrNotFound", key, err)
		}
	}
	for _, test := range []struct {
		after string
		limit int
		want  []store.User
	}{
		{"", 10, []store.User{a.user, added.user, gone.user}},
		{"", 2, []store.User{a.user, added.user}},
		{added.user.ID, 2, []store.User{gone.user}},
		{gone.user.ID, 2, nil},
	} {
		got, err := s.ListUsers(t.Context(), test.after, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("%d users after %q", test.limit, test.after), got, test.want)
	}
}
