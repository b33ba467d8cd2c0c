package authserver

import (
	"context"
	"errors"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// hanging is a database that takes keysTime to fail, until it is mended.
type hanging struct {
	store.Store
	clock  *clocktest.Clock
	asked  int
	mended bool
}

func (d *hanging) ServiceKeys(context.Context) ([]store.ServiceKey, error) {
	d.asked++
	if d.mended {
		return []store.ServiceKey{{ID: "k"}}, nil
	}
	d.clock.Jump(keysTime)
	return nil, errDown
}

// TestServiceKeysOfAHangingDatabase: those who came while one looked do not
// look after it, each for as long.
func TestServiceKeysOfAHangingDatabase(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(begin)
	database := &hanging{clock: clock}
	a := newServiceAuth(Config{Clock: clock}, database)
	came := clock.Now()
	for range 10 {
		if _, err := a.fresh(t.Context(), came); !errors.Is(err, errDown) {
			t.Errorf("error %v", err)
		}
	}
	if database.asked != 1 {
		t.Errorf("%d looks", database.asked)
	}
	database.mended = true
	clock.Jump(keysRetry)
	if keys, err := a.fresh(t.Context(), clock.Now()); err != nil || len(keys) != 1 {
		t.Errorf("after it was mended: %v, %v", keys, err)
	}
}
