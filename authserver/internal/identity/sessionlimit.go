package identity

import (
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// limitSlack is by how many sessions more than the limit a login looks at. So
// many sessions that have expired, or that two logins of one moment opened
// beyond the limit, do not keep it from finding the one that is idle longest.
const limitSlack = 100

// limitSessions ends the sessions of a user beyond the limit, those that are
// idle longest first, and never the session opened. A login ends at most
// limitSlack of them, whatever there is, so that its work is bounded.
func (s *Service) limitSessions(c *change, opened store.Session) error {
	if s.config.MaxSessions <= 0 {
		return nil
	}
	list, err := c.OldestSessions(opened.UserID, s.config.MaxSessions+limitSlack)
	if err != nil {
		return err
	}
	for _, session := range beyond(list, opened.ID, s.config.MaxSessions, c.origin.At) {
		_, err := c.end(store.Ending{SessionID: session.ID}, event{kind: store.EventSessionLimit, more: []string{"sessionId", session.ID}})
		if err != nil {
			return err
		}
	}
	return nil
}

// beyond are the live sessions that have to end so that limit are left, with
// the one opened.
func beyond(list []store.Session, opened string, limit int, now time.Time) []store.Session {
	list = slices.DeleteFunc(slices.Clone(list), func(s store.Session) bool { return !s.Live(now) || s.ID == opened })
	if len(list) < limit {
		return nil
	}
	slices.SortStableFunc(list, func(a, b store.Session) int { return a.LastActivityAt.Compare(b.LastActivityAt) })
	return list[:len(list)-limit+1]
}
