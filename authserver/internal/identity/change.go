package identity

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// records are the operations of a transaction that a use case may call
// directly. Only the methods of change end sessions and add events.
type records interface {
	LockUser(id string) (store.User, error)
	ShareUser(id string) (store.User, error)
	FreeEmail(email string) error
	AddUser(user store.User) error
	PutUser(user store.User) error
	Credential(userID string) (store.Credential, error)
	AddCredential(userID string, credential store.Credential, at time.Time) error
	PutCredential(credential store.Credential, at time.Time) error
	AddSession(session store.Session, refresh store.Digest) error
	AddDevice(device store.Device) error
	ForgetDevices(sessionID string) error
	OldestSessions(userID string, limit int) ([]store.Session, error)
}

// change is the transaction of a use case.
type change struct {
	records
	tx     store.Tx
	origin Origin
	ended  []string // ids of the sessions that were ended
	events []string // types of the events that were added
}

// change runs f in a transaction, perhaps more than once. After the commit it
// tells the revocations which sessions ended, and counts the events.
func (s *Service) change(ctx context.Context, o Origin, f func(c *change) error) error {
	var done *change
	err := s.config.Store.Tx(ctx, func(tx store.Tx) error {
		done = &change{records: tx, tx: tx, origin: o}
		return f(done)
	})
	if err != nil {
		return err
	}
	if s.config.Revocations != nil && len(done.ended) > 0 {
		s.config.Revocations.Note(done.ended)
	}
	if s.config.Meter != nil {
		for _, kind := range done.events {
			s.config.Meter.Event(kind)
		}
	}
	return nil
}

// event is an entry for the security log.
type event struct {
	kind string // one of the types of store.Event
	// user is the user that it is about. Empty means the user of the sessions
	// that end; where no session ends, nothing is recorded.
	user string
	more []string // pairs of a name and a value
}

// record adds an event to the security log.
func (c *change) record(e event) error {
	pairs := e.more
	if c.origin.Operator {
		pairs = append([]string{"by", "operator"}, pairs...)
	}
	c.events = append(c.events, e.kind)
	return c.tx.AddEvent(store.Event{
		UserID:    e.user,
		Type:      e.kind,
		IPAddress: c.origin.address(),
		UserAgent: c.origin.Agent,
		Metadata:  metadata(pairs),
		CreatedAt: c.origin.At,
	})
}

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

// metadata makes a JSON object of pairs of a name and a value. It is nil
// without pairs.
func metadata(pairs []string) jsontext.Value {
	if len(pairs) == 0 {
		return nil
	}
	doc := jsontext.Value("{")
	for i, text := range pairs {
		// Every string can be quoted. The error only reports invalid UTF-8,
		// which AppendQuote replaces.
		doc, _ = jsontext.AppendQuote(doc, text)
		switch {
		case i%2 == 0:
			doc = append(doc, ':')
		case i < len(pairs)-1:
			doc = append(doc, ',')
		}
	}
	return append(doc, '}')
}
