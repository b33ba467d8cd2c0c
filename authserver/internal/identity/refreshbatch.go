package identity

import (
	"context"
	"encoding/binary"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// rotations combines the refreshes of one moment into one transaction.
type rotations struct {
	group *groupcommit.Group[asked, store.Rotated]
}

// asked is a rotation and where it was asked for.
type asked struct {
	store.Rotation
	origin Origin
}

func (s *Service) openRotations(lanes int) rotations {
	return rotations{groupcommit.New(groupcommit.Config[asked, store.Rotated]{
		Run: func(ctx context.Context, calls []*groupcommit.Call[asked, store.Rotated]) error {
			// Tokens are judged by the time of the transaction, from which the
			// grace of spent tokens counts, and not by the time of their
			// arrival.
			questions, now := make([]store.Rotation, len(calls)), s.config.Clock.Now()
			var outage Outage
			if s.config.Outage != nil {
				outage = s.config.Outage()
			}
			decide := func(p store.Presented) store.Decision {
				return store.Decision{Verdict: judge(p, now, s.config.RefreshGrace, outage), ExpiresAt: s.config.Lifetimes.expiry(p.Session, now)}
			}
			for i, c := range calls {
				questions[i] = c.Question.Rotation
				questions[i].Now, questions[i].Judge = now, decide
			}
			for i, answer := range s.config.Store.Rotate(ctx, questions) {
				calls[i].Answer, calls[i].Err = answer, answer.Err
			}
			return nil
		},
		Abandoned: s.afterRefresh,
		Lanes:     lanes,
		Logger:    s.config.Log,
	})}
}

// afterRefresh does what is left to do where the caller of a refresh has gone
// meanwhile.
func (s *Service) afterRefresh(q asked, r store.Rotated) {
	if r.Verdict != store.Reused {
		return
	}
	ctx := context.Background()
	if err := s.endReused(ctx, q.origin, r); err != nil {
		s.config.Log.ErrorContext(ctx, "a session whose refresh token two parties hold was not ended",
			"session", r.Session.ID, "user", r.User.ID, "error", err)
	}
}

// rotate calls store.Sessions.Rotate for one token, whose Now and Judge it
// sets. A call whose ctx ends before the transaction began is not run.
func (r rotations) rotate(ctx context.Context, o Origin, q store.Rotation) (store.Rotated, error) {
	return r.group.Do(ctx, binary.BigEndian.Uint64(q.Spent[:]), asked{q, o})
}

func (r rotations) close() { r.group.Close() }
