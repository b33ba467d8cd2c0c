package identity

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// purgeRows is how many sessions are read, and how many rows are deleted, at
// once. Deleting that many holds SQLite's one writer for some 10 ms.
const purgeRows = 100

// over is when a session is over, which is when it was revoked or when it
// expired. A session of the existing service lives for as long as it could be
// refreshed.
func over(s store.SessionEnd) time.Time {
	end := s.ExpiresAt
	if s.RefreshableUntil.After(end) {
		end = s.RefreshableUntil
	}
	if !s.RevokedAt.IsZero() && s.RevokedAt.Before(end) {
		return s.RevokedAt
	}
	return end
}

// Purge deletes the sessions that were over before an instant, with their
// refresh tokens. It calls purged after each step with the number of sessions
// deleted in it. It goes through all sessions, so that sessions that cannot be
// deleted do not keep the later ones. The instant has to be days ago. Then no
// refresh is under way, no access token is good, and every server has read the
// revocation.
func (s *Service) Purge(ctx context.Context, before time.Time, purged func(sessions int)) error {
	var failed error
	for after := ""; ; {
		list, err := s.config.Store.SessionEnds(ctx, after, purgeRows)
		if err != nil {
			return first(failed, err)
		}
		var dead []string
		for _, session := range list {
			if over(session).Before(before) {
				dead = append(dead, session.ID)
			}
		}
		if len(dead) > 0 {
			dropped, err := s.config.Store.DropSessions(ctx, dead, purgeRows)
			purged(dropped)
			failed = first(failed, err)
		}
		if len(list) < purgeRows {
			return failed
		}
		after = list[len(list)-1].ID
	}
}

// first returns a, or b where a is nil.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
