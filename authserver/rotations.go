package authserver

import (
	"context"
	"encoding/binary"
	"log/slog"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// rotations combines the refreshes of one moment into one transaction.
type rotations struct {
	group *groupcommit.Group[store.Rotation, store.Rotated]
}

// rotationsConfig is what rotations are made of.
type rotationsConfig struct {
	sessions store.Sessions
	clock    clock.Clock
	log      *slog.Logger
	lanes    int // how many transactions run at once
}

func newRotations(cfg rotationsConfig) rotations {
	return rotations{groupcommit.New(groupcommit.Config[store.Rotation, store.Rotated]{
		Run: func(calls []*groupcommit.Call[store.Rotation, store.Rotated]) error {
			// By the time of now, from which the grace of those that are spent
			// counts, and not that of their arrival.
			questions, now := make([]store.Rotation, len(calls)), cfg.clock.Now()
			for i, c := range calls {
				questions[i] = c.Question
				questions[i].Now = now
			}
			for i, answer := range cfg.sessions.Rotate(context.Background(), questions) {
				calls[i].Answer, calls[i].Err = answer, answer.Err
			}
			return nil
		},
		Lanes:  cfg.lanes,
		Logger: cfg.log,
	})}
}

// rotate is store.Sessions.Rotate for one token, whose Now it sets. A caller who
// leaves before it began is not served.
func (r rotations) rotate(ctx context.Context, q store.Rotation) (store.Rotated, error) {
	return r.group.Do(ctx, binary.BigEndian.Uint64(q.Spent[:]), q)
}

// close runs the rotations that wait, and refuses every other one.
func (r rotations) close() error {
	r.group.Close()
	return nil
}

// lanes is how many transactions of one kind run at once: with PostgreSQL, one
// works while the other waits for the disk. SQLite has one writer.
func lanes(cfg Config) int {
	if cfg.DatabaseURL != "" {
		return 2
	}
	return 1
}
