package identity

import (
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// end ends sessions, records the event that is the reason, and returns how many
// sessions ended. Sessions that had ended before are left as they are.
func (c *change) end(which store.Ending, because event) (ended int, err error) {
	which.At = c.origin.At
	sessions, err := c.tx.EndSessions(which)
	if err != nil {
		return 0, err
	}
	for _, session := range sessions {
		c.ended = append(c.ended, session.ID)
	}
	if because.user == "" {
		if len(sessions) == 0 {
			return 0, nil
		}
		because.user = sessions[0].UserID
	}
	return len(sessions), c.record(because)
}

// everySession names all sessions of a user that live or may still be renewed,
// except one.
func (c *change) everySession(userID, except string) store.Ending {
	return store.Ending{UserID: userID, Except: except, ExpiresAfter: c.origin.At.Add(-Overtime)}
}

// endEverySession ends all sessions of the user whom the event is about, and
// records it.
func (c *change) endEverySession(because event) error {
	_, err := c.end(c.everySession(because.user, ""), because)
	return err
}
