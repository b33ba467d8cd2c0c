package identity

import (
	"context"
	"time"

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
