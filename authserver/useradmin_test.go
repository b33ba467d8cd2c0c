package authserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// adminOf opens the database of a harness for an operator.
func adminOf(h *harness, change ...func(*Config)) *Admin {
	h.Helper()
	config := Config{Database: Database{SQLitePath: h.path}, Clock: h.clock}
	for _, c := range change {
		c(&config)
	}
	admin, err := OpenAdmin(h.Context(), config)
	if err != nil {
		h.Fatalf("OpenAdmin: %v", err)
	}
	h.Cleanup(func() {
		if err := admin.Close(); err != nil {
			h.Errorf("Close: %v", err)
		}
	})
	return admin
}

// TestAdminUsers plays an operator's changes beside a running server.
func TestAdminUsers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T) func(*Config){
		"sqlite":   func(*testing.T) func(*Config) { return func(*Config) {} },
		"postgres": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := change(t)
			h := serverFor(t, config)
			admin := adminOf(h, config)
			made, err := admin.CreateUser(t.Context(), NewUser{Email: "ANN@example.com", Name: "Ann", Password: goodPassword, Role: "service"})
			if err != nil {
				t.Fatal(err)
			}
			want := User{ID: made.ID, Email: "ann@example.com", Name: "Ann", Role: "service", Tier: "public",
				CreatedAt: h.clock.Now(), UpdatedAt: h.clock.Now()}
			if diff := cmp.Diff(want, made); diff != "" || !isID(made.ID) {
				t.Errorf("user made (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]User{want}, usersOf(t, admin, UserFilter{}, nil)); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}

			tokens := h.login("ann")
			sessions, err := admin.Sessions(t.Context(), "Ann@Example.com", 10)
			if err != nil || len(sessions) != 1 || sessions[0].ID != h.verdict(tokens.AccessToken).Payload.Sid || sessions[0].IPAddress != "127.0.0.1" {
				t.Fatalf("sessions %+v, %v", sessions, err)
			}
			for _, step := range []struct {
				name string
				do   func() error
			}{
				{"revoke one", func() error { return admin.RevokeSession(t.Context(), sessions[0].ID) }},
				{"revoke all", func() error {
					n, err := admin.RevokeSessions(t.Context(), made.ID)
					if n != 1 {
						t.Errorf("%d sessions revoked", n)
					}
					return err
				}},
				{"set a role", func() error { _, err := admin.SetRole(t.Context(), "ann@example.com", "admin"); return err }},
				{"disable", func() error { _, err := admin.Disable(t.Context(), "ann@example.com"); return err }},
			} {
				if err := step.do(); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				h.refused(h.refresh(tokens.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
				if step.name != "disable" {
					tokens = h.login("ann")
				}
			}
			wrong := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword})
			h.refused(wrong, wire.InvalidCredentials, wire.LoginPath, "Invalid email or password")
			if _, err := admin.Enable(t.Context(), made.ID); err != nil {
				t.Fatal(err)
			}
			if role := h.login("ann").User.Role; role != "admin" {
				t.Errorf("role %q", role)
			}
			gone, err := admin.Delete(t.Context(), made.ID)
			want.Role, want.DeletedAt = "admin", h.clock.Now()
			if diff := cmp.Diff(want, gone); diff != "" || err != nil {
				t.Errorf("%v, user (-want +got):\n%s", err, diff)
			}
			if _, err := admin.Enable(t.Context(), made.ID); !errors.Is(err, ErrUserNotFound) {
				t.Errorf("change of a deleted user: %v", err)
			}
			types := []string{store.EventUserDeleted, store.EventUserEnabled, store.EventUserDisabled, store.EventRoleChanged,
				store.EventSessionsRevoked, store.EventSessionRevoked, store.EventUserCreated,
				store.EventLogin, store.EventLogin, store.EventLogin, store.EventLogin, store.EventLogin}
			byName := cmpopts.SortSlices(func(a, b string) bool { return a < b })
			if diff := cmp.Diff(types, h.events(made.ID), byName); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// usersOf collects the users that a filter names.
func usersOf(t *testing.T, admin *Admin, filter UserFilter, progress func(Progress)) (list []User) {
	t.Helper()
	for user, err := range admin.Users(t.Context(), filter, progress) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, user)
	}
	return list
}

// TestO23Users: users come one page after the other, those that a filter names,
// and no page is read that nobody asks for.
func TestO23Users(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admin, err := OpenAdmin(t.Context(), config(t))
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			const users = 2500
			roles, states := []string{"user", "admin", "service"}, []string{"active", "disabled", "deleted"}
			if err := admin.store.Tx(t.Context(), func(tx store.Tx) error {
				for i := range users {
					u := store.User{ID: fmt.Sprintf("u%04d", i), Email: fmt.Sprintf("%d@example.com", i), Name: "n", Role: roles[i%3], Tier: "public", CreatedAt: begin, UpdatedAt: begin}
					if i%5 == 1 || i%5 == 3 {
						u.DisabledAt = begin
					}
					if i%5 == 2 || i%5 == 3 {
						u.DeletedAt = begin
					}
					if err := tx.AddUser(u); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			var told []Progress
			note := func(p Progress) { told = append(told, p) }
			all := usersOf(t, admin, UserFilter{}, note)
			if len(all) != users || all[users-1].ID != "u2499" {
				t.Errorf("%d users", len(all))
			}
			pages := []Progress{{Part: "users", Done: 1000, Unit: "users"}, {Part: "users", Done: 2000, Unit: "users"}, {Part: "users", Done: users, Unit: "users"}}
			if diff := cmp.Diff(pages, told); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
			for _, state := range states {
				for _, role := range roles {
					var want []User
					for _, u := range all {
						if u.Role == role && u.State() == state && strings.Contains(u.Email, "42") {
							want = append(want, u)
						}
					}
					got := usersOf(t, admin, UserFilter{Email: "42", Role: role, State: state}, nil)
					if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
						t.Errorf("%s, %s (-want +got):\n%s", role, state, diff)
					}
				}
			}
			if got := usersOf(t, admin, UserFilter{Email: "1234@EXAMPLE"}, nil); len(got) != 1 || got[0].ID != "u1234" {
				t.Errorf("in another case: %v", got)
			}
			told = nil
			for range admin.Users(t.Context(), UserFilter{}, note) {
				break
			}
			if len(told) != 0 {
				t.Errorf("after the first user it was read on: %v", told)
			}
			for _, filter := range []UserFilter{{Role: "root"}, {State: "gone"}} {
				for _, err := range admin.Users(t.Context(), filter, nil) {
					if err == nil || !strings.Contains(err.Error(), "has to be one of") {
						t.Errorf("%+v: %v", filter, err)
					}
				}
			}
		})
	}
}

func TestAdminRefuses(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	admin := adminOf(h)
	h.register("ann")
	create := func(change func(n *NewUser)) func() error {
		return func() error {
			n := NewUser{Email: "bob@example.com", Name: "Bob", Password: goodPassword}
			change(&n)
			_, err := admin.CreateUser(t.Context(), n)
			return err
		}
	}
	before := h.rows()
	for _, test := range []struct {
		name string
		do   func() error
		want string
		is   error
	}{
		{"taken address", create(func(n *NewUser) { n.Email = "ANN@example.com" }), "ann@example.com", ErrEmailTaken},
		{"no address", create(func(n *NewUser) { n.Email = "bob" }), "email must be an email", nil},
		{"short password", create(func(n *NewUser) { n.Password = "short" }), "password must be longer than or equal to 8 characters", nil},
		{"no name", create(func(n *NewUser) { n.Name = "" }), "Name must be at least 2 characters", nil},
		{"invalid UTF-8", create(func(n *NewUser) { n.Name = "Bob\xff" }), "not valid UTF-8", nil},
		{"unknown role", create(func(n *NewUser) { n.Role = "root" }), `"root" is no role: it has to be one of user, admin, service`, nil},
		{"another unknown role", func() error { _, err := admin.SetRole(t.Context(), "ann@example.com", ""); return err }, "no role", nil},
		{"unknown user", func() error { _, err := admin.Disable(t.Context(), "bob@example.com"); return err }, `"bob@example.com"`, ErrUserNotFound},
		{"no user", func() error { _, err := admin.RevokeSessions(t.Context(), ""); return err }, `""`, ErrUserNotFound},
		{"unknown session", func() error { return admin.RevokeSession(t.Context(), "none") }, `"none"`, ErrSessionNotFound},
	} {
		err := test.do()
		if err == nil || !strings.HasPrefix(err.Error(), "authserver: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q in it", test.name, err, test.want)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v is not %v", test.name, err, test.is)
		}
		if err != nil && strings.Contains(err.Error(), goodPassword) {
			t.Errorf("%s: the password is in %v", test.name, err)
		}
	}
	if diff := cmp.Diff(before, h.rows()); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
}
