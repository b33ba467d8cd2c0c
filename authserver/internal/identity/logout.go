package identity

import (
	"context"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Logout ends the session of an access token and the session of a refresh
// token. One of the two may be empty; without both the error is ErrNoToken. A
// spent refresh token also ends its session. An unknown refresh token is no
// error (RFC 7009 section 2.2), because the client only wants to be rid of it.
// The error is a TokenError where the access token is refused and there is no
// refresh token.
func (s *Service) Logout(ctx context.Context, o Origin, access, refresh string) error {
	if access == "" && refresh == "" {
		return ErrNoToken
	}
	if access != "" {
		claims, err := s.config.Access.Verify(access, s.config.Clock.Now())
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

// endSessions ends sessions where nothing else changes with them, and returns
// how many ended.
func (s *Service) endSessions(ctx context.Context, o Origin, which store.Ending, kind string) (ended int, err error) {
	err = s.change(ctx, o, func(c *change) (err error) {
		ended, err = c.end(which, event{kind: kind})
		return err
	})
	return ended, err
}
