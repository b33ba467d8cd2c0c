package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// mustEvents lists events without their ids, of which it checks that there are
// any.
func mustEvents(t *testing.T, s store.Store, userID string, limit int) []store.Event {
	t.Helper()
	list, err := s.SecurityEvents(t.Context(), userID, limit)
	if err != nil {
		t.Fatalf("SecurityEvents: %v", err)
	}
	ids := map[string]bool{}
	for i := range list {
		if id := list[i].ID; id == "" || ids[id] {
			t.Errorf("event id %q", id)
		}
		ids[list[i].ID] = true
		list[i].ID = ""
	}
	return list
}

func eventTypes(t *testing.T, s store.Store, userID string) []string {
	t.Helper()
	var types []string
	for _, event := range mustEvents(t, s, userID, 100) {
		types = append(types, event.Type)
	}
	return types
}

func events(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	mustCreate(t, s, "bob")
	var want []store.Event
	for i := range 3 {
		event := store.Event{UserID: a.user.ID, Type: store.EventLogin, CreatedAt: start.Add(time.Duration(i+1) * time.Second)}
		if i == 1 {
			event.IPAddress, event.UserAgent = "192.0.2.1", "test/1"
			event.Metadata = jsontext.Value(`{"text":"one \" and é"}`)
		}
		do(t, s, func(tx store.Tx) error { return tx.AddEvent(event) })
		want = append([]store.Event{event}, want...)
	}
	want = append(want, a.event)
	for _, limit := range []int{2, 100} {
		equal(t, fmt.Sprintf("newest %d events", limit), mustEvents(t, s, a.user.ID, limit), want[:min(limit, len(want))])
	}
}
