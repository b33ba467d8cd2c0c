package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func directory(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "a")
	added := newAccount("b")
	added.user.Role = "admin"
	do(t, s, func(tx store.Tx) error { return tx.AddUser(added.user) })
	if list, err := s.LiveSessions(t.Context(), added.user.ID, start, 10); err != nil || list != nil {
		t.Errorf("sessions of one who never logged in: %v, %v", list, err)
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
