package identity

import (
	"context"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Logout ends the session of an access token and that of a refresh token; either
// may be empty, not both: ErrNoToken. A refresh token that is spent ends its
// session all the same, and one that is unknown is as good as logged out (RFC
// 7009 section 2.2): the client wants to be rid of it. A TokenError where the
// access token is refused and no refresh token stands beside it.
func (s *Service) Logout(ctx context.Context, o Origin, access, refresh string) error {
	if access == "" && refresh == "" {
		return ErrNoToken
	}
	if access != "" {
		claims, err := s.Access.Verify(access, s.Clock.Now())
		switch {
		case err == nil:
			if _, err := s.logout(ctx, o, store.Ending{SessionID: claims.Sid}); err != nil {
				return err
			}
		case refresh == "":
			return &TokenError{err}
		}
	}
	if refresh == "" {
		return nil
	}
	_, err := s.logout(ctx, o, store.Ending{Refresh: secret.Hash(refresh)})
	return err
}

func (s *Service) logout(ctx context.Context, o Origin, which store.Ending) (ended int, err error) {
	return s.endSessions(ctx, o, which, store.EventLogout)
}

// endSessions ends sessions for no other reason than that somebody wants them
// ended, and says how many there were.
func (s *Service) endSessions(ctx context.Context, o Origin, which store.Ending, kind string) (ended int, err error) {
	err = s.change(ctx, o, func(c *change) (err error) {
		ended, err = c.end(which, event{kind: kind})
		return err
	})
	return ended, err
}
