package identity

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// purgeRows is how many sessions are looked at, and rows deleted, at once:
// SQLite's one writer is held for some 10 ms by so many.
const purgeRows = 100

// over is when a session is over: at its end before its time, or at its expiry.
// One of the existing service lives for as long as it could be refreshed.
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

// Purge deletes the sessions that were over before an instant, with their refresh
// tokens, and tells purged how many, again and again. It goes through all
// sessions: those that cannot be deleted do not save those behind them. The
// instant has to be days ago, and so beyond any refresh under way, access token
// or revocation that a server still has to hear of.
func (s *Service) Purge(ctx context.Context, before time.Time, purged func(sessions int)) error {
	var failed error
	for after := ""; ; {
		list, err := s.Store.SessionEnds(ctx, after, purgeRows)
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
			dropped, err := s.Store.DropSessions(ctx, dead, purgeRows)
			purged(dropped)
			failed = first(failed, err)
		}
		if len(list) < purgeRows {
			return failed
		}
		after = list[len(list)-1].ID
	}
}

// first is the first of two errors that there is.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
