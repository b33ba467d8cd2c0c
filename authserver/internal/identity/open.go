package identity

import (
	"time"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
)

// Device is what a login says about the device that it comes from.
type Device struct {
	ID, Name string
	Remember bool // whether the session is to live for longer
}

// Tokens are the tokens that a session hands out, and its user.
type Tokens struct {
	User    store.User
	Access  string
	Refresh string
	// ExpiresIn is the life of the access token, in seconds.
	ExpiresIn int64
}

// opened is a session that is not stored yet, and its first refresh token.
type opened struct {
	session store.Session
	refresh string
}

// open makes a session. Every login gets a new session (OWASP ASVS 5.0, 7.2.4).
func (s *Service) open(o Origin, userID string, d Device) (opened, error) {
	id, err := s.newID()
	if err != nil {
		return opened{}, err
	}
	refresh, err := secret.New(s.config.Random)
	if err != nil {
		return opened{}, err
	}
	session := store.Session{
		ID:             id,
		UserID:         userID,
		CreatedAt:      o.At,
		LastActivityAt: o.At,
		RememberMe:     d.Remember,
		IPAddress:      o.address(),
		UserAgent:      o.Agent,
		DeviceID:       d.ID,
		DeviceName:     d.Name,
	}
	session.ExpiresAt = s.config.Lifetimes.expiry(session, o.At)
	return opened{session: session, refresh: refresh}, nil
}

// add stores a session with its first refresh token.
func (c *change) add(n opened) error { return c.AddSession(n.session, secret.Hash(n.refresh)) }

// signer finds the key to sign with. It is called before anything is stored. If
// a refresh token were spent and no access token could be signed, the client
// would lose its session when it retried after the grace.
func (s *Service) signer() (token.Signer, error) { return s.config.Access.Signer(s.config.Clock.Now()) }

// tokens signs the access token of a session. The token expires with the
// session at the latest.
func (s *Service) tokens(signer token.Signer, user store.User, session store.Session, refresh string) (Tokens, error) {
	now := s.config.Clock.Now().Unix()
	claims := token.Claims{
		Sub:   user.ID,
		Email: user.Email,
		Role:  user.Role,
		Sid:   session.ID,
		Iat:   now,
		Exp:   min(now+int64(min(s.config.AccessTTL, signer.TTL())/time.Second), session.ExpiresAt.Unix()),
	}
	access, err := signer.Sign(claims, token.Standing{Tier: user.Tier, EmailVerified: user.EmailVerified})
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{User: user, Access: access, Refresh: refresh, ExpiresIn: claims.Exp - claims.Iat}, nil
}
