package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func serviceKeys(t *testing.T, s store.Store) {
	t.Helper()
	keys := []store.ServiceKey{
		{ID: "b", AppID: "chat", Hash: digest("b"), Operations: []string{"use", "refund"}, CreatedAt: start, ExpiresAt: start.Add(time.Hour)},
		{ID: "a", AppID: "chat", Hash: digest("a"), Operations: []string{"use"}, CreatedAt: start.Add(time.Second)},
		{ID: "c", AppID: "picture", Hash: digest("c"), Operations: []string{"grant"}, CreatedAt: start},
	}
	for _, k := range slices.Backward(keys) {
		if err := s.AddServiceKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []time.Time{start.Add(time.Minute), start.Add(2 * time.Minute)} { // the first counts
		if err := s.RevokeServiceKey(t.Context(), "a", at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeServiceKey(t.Context(), "d", start); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	keys[1].RevokedAt = start.Add(time.Minute)
	got, err := s.ServiceKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "keys", got, keys)
	for i, want := range []bool{true, false, true} {
		if got[i].Live(start.Add(time.Minute)) != want {
			t.Errorf("%s: live is %v", got[i].ID, !want)
		}
	}
	if got[0].Live(got[0].ExpiresAt) {
		t.Error("live at its expiry")
	}
}
