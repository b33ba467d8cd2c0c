package postgres

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(pgtest.Stop(status)) }))
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// TestStore: the suite passes, and what it makes the store send finds its rows by
// an index.
func TestStore(t *testing.T) {
	t.Parallel()
	var sent sentStatements
	if !t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return sent.open(t) })
	}) {
		return
	}
	sent.checkPlans(t)
}
