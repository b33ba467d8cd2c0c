package authserver

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/web"
)

const (
	// pingTime is how long the database may take to answer a look at it: less
	// than probes usually wait.
	pingTime = 900 * time.Millisecond
	// pingFresh is for how long the result of a look serves.
	pingFresh = 500 * time.Millisecond
)

// lookout looks whether the database answers. However many ask, and however
// often, it asks the database one question at a time and two a second: probes
// do not pile up on one that is in trouble.
type lookout struct {
	out   *web.Responder
	meter *meter.Meter
	ping  func(context.Context) error // asks the database

	looking singleflight.Group
	lock    sync.Mutex
	at      time.Time // of the last look; zero: none yet
	err     error     // what it found
}

func (l *lookout) look(ctx context.Context) error {
	l.lock.Lock()
	at, err := l.at, l.err
	l.lock.Unlock()
	if age := l.out.Now().Sub(at); !at.IsZero() && age >= 0 && age < pingFresh {
		return err
	}
	// On a context of its own: a caller that hangs up fails only itself.
	found := l.looking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
		defer cancel()
		err := l.ping(ctx)
		if err != nil {
			l.meter.StoreError(meter.PartHealth)
			l.out.Log.ErrorContext(ctx, "not ready: the database does not answer", "error", err)
		}
		l.lock.Lock()
		defer l.lock.Unlock()
		l.at, l.err = l.out.Now(), err
		return nil, err
	})
	select {
	case result := <-found:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
