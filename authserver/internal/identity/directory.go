package identity

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// states are all states that a user may be in.
var states = []string{store.StateActive, store.StateDisabled, store.StateDeleted}

// UserFilter names users. Each field that is not empty leaves some out.
type UserFilter struct {
	Email string // a part of the e-mail address, in either case
	Role  string // one of the roles
	State string // one of the states
}

func (f UserFilter) check() error {
	if f.Role != "" {
		if err := checkRole(f.Role); err != nil {
			return err
		}
	}
	if f.State != "" && !slices.Contains(states, f.State) {
		return fmt.Errorf("%q is no state: it has to be one of %s", f.State, strings.Join(states, ", "))
	}
	return nil
}

func (f UserFilter) names(u store.User) bool {
	return (f.Role == "" || f.Role == u.Role) && (f.State == "" || f.State == u.State()) &&
		strings.Contains(u.Email, strings.ToLower(f.Email))
}

// Users goes through all users by id, the deleted among them, and yields those
// that the filter names, or an error, which is the last. It reads them in pages
// of a bounded size, so that no statement takes long, however few of very many
// users are named. After each page it calls read, unless that is nil, with how
// many users there were so far.
func (s *Service) Users(ctx context.Context, f UserFilter, read func(users int)) iter.Seq2[store.User, error] {
	return func(yield func(store.User, error) bool) {
		if err := f.check(); err != nil {
			yield(store.User{}, err)
			return
		}
		users := 0
		for after := ""; ; {
			page, err := s.config.Store.ListUsers(ctx, after, MaxListed)
			if err != nil {
				yield(store.User{}, err)
				return
			}
			for _, user := range page {
				if f.names(user) && !yield(user, nil) {
					return
				}
			}
			users += len(page)
			if read != nil {
				read(users)
			}
			if len(page) < MaxListed {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}
