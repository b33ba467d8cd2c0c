package authserver

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// maxAhead is by how much the clocks of the server and of the database may
// differ without a warning.
const maxAhead = 2 * time.Second

// observed is a store that sets a clock by the database's at each poll of the
// revocations.
type observed struct {
	store.Store
	clock  *clock.Common
	log    *slog.Logger
	differ *atomic.Bool // whether the clocks were said to differ
}

func observe(db store.Store, common *clock.Common, log *slog.Logger) observed {
	return observed{Store: db, clock: common, log: log, differ: new(atomic.Bool)}
}

// Revocations implements store.Revocations.
func (s observed) Revocations(ctx context.Context, since store.Mark, from time.Time) (store.RevocationPage, error) {
	asked := s.clock.Own()
	page, err := s.Store.Revocations(ctx, since, from)
	if err != nil {
		return page, err
	}
	ahead := s.clock.Observe(asked, s.clock.Own(), page.Now)
	switch differ := ahead.Abs() > maxAhead; {
	case differ && s.differ.CompareAndSwap(false, true):
		s.log.WarnContext(ctx, "the clocks of this server and of the database differ: set them by NTP; up to a day, the server goes by the database's",
			"ahead", ahead.Round(time.Millisecond).String())
	case !differ && s.differ.CompareAndSwap(true, false):
		s.log.InfoContext(ctx, "the clocks of this server and of the database agree")
	}
	return page, nil
}
