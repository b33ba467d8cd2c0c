package identity

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// judge applies the rule of refresh rotation (RFC 9700 section 4.14.2): a token
// is good once. A client that lost the answer may ask again within the grace,
// until the successor is used. Any later use means that two parties hold the
// token, and the session ends. A token before the last one always falls under
// this, because its successor is spent.
//
// A client cannot ask again while the database is away. So the grace of a token
// that was spent shortly before that or meanwhile goes on after it, see Outage.
func judge(p store.Presented, now time.Time, grace time.Duration, o Outage) store.Verdict {
	switch {
	case p.User.Deleted():
		return store.UserGone
	case !p.Session.RevokedAt.IsZero(), !p.User.Active():
		return store.Revoked
	case !p.Session.Live(now):
		return store.Expired
	case p.SpentAt.IsZero():
		return store.Renewed
	case p.SuccessorSpent:
		return store.Reused
	case max(0, now.Sub(p.SpentAt)) > grace && !o.spares(p.SpentAt, now, grace): // another server's clock may be ahead
		return store.Reused
	default:
		return store.Repeated
	}
}

// Refresh exchanges a refresh token for its successor and a new access token.
// The error is ErrRefreshToken, ErrRefreshExpired or ErrUserGone where the
// token is not good. A spent token ends its session where the successor was
// used or the grace is over.
func (s *Service) Refresh(ctx context.Context, o Origin, spent string) (Tokens, error) {
	signer, err := s.signer()
	if err != nil {
		return Tokens{}, err
	}
	successor, err := secret.New(s.config.Random)
	if err != nil {
		return Tokens{}, err
	}
	sealed, err := secret.Seal(spent, successor, s.config.Random)
	if err != nil {
		return Tokens{}, err
	}
	rotated, err := s.rotations.rotate(ctx, o, store.Rotation{
		Spent: secret.Hash(spent), Successor: secret.Hash(successor), Sealed: sealed,
	})
	if err != nil {
		return Tokens{}, err
	}
	switch rotated.Verdict {
	case store.Renewed:
	case store.Repeated:
		if successor, err = secret.Unseal(spent, rotated.Sealed); err != nil {
			return Tokens{}, err
		}
	case store.UserGone:
		return Tokens{}, ErrUserGone
	case store.Expired:
		return Tokens{}, ErrRefreshExpired
	case store.Reused:
		if err := s.endReused(ctx, o, rotated); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, ErrRefreshToken
	default:
		return Tokens{}, ErrRefreshToken
	}
	return s.tokens(signer, rotated.User, rotated.Session, successor)
}

// endReused ends the session of a token that two parties hold, unless another
// call has ended it. It does so even if the caller has left, because a thief who
// hangs up must not keep the session.
func (s *Service) endReused(ctx context.Context, o Origin, r store.Rotated) error {
	var ended int
	err := s.change(context.WithoutCancel(ctx), o, func(c *change) (err error) {
		ended, err = c.end(store.Ending{SessionID: r.Session.ID}, event{kind: store.EventRefreshReuse})
		if err != nil {
			return err
		}
		return c.ForgetDevices(r.Session.ID) // it may be the thief's
	})
	if err == nil && ended > 0 {
		s.config.Log.WarnContext(ctx, "spent refresh token presented again: session revoked",
			"session", r.Session.ID, "user", r.User.ID, "ip", o.Addr.String())
	}
	return err
}
