package authserver

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// maxUserAgent is how much of a User-Agent header is kept, in bytes.
const maxUserAgent = 512

// issuer opens sessions and makes their tokens.
type issuer struct {
	access    token.Access
	clock     Clock
	random    io.Reader
	trusted   []netip.Prefix
	accessTTL time.Duration
	lifetimes store.Lifetimes
}

// device is what a login says about where it comes from.
type device struct {
	id, name string
	remember bool
}

// open makes a session that is not yet stored, its first refresh token and
// the event of type kind that tells of it.
func (i issuer) open(r *http.Request, userID, kind string, d device) (store.NewSession, string, store.Event, error) {
	id, err := secret.NewID(i.random)
	if err != nil {
		return store.NewSession{}, "", store.Event{}, err
	}
	refresh, err := secret.New(i.random)
	if err != nil {
		return store.NewSession{}, "", store.Event{}, err
	}
	event := i.event(r, kind)
	event.UserID = userID
	session := store.Session{
		ID:             id,
		UserID:         userID,
		CreatedAt:      event.CreatedAt,
		LastActivityAt: event.CreatedAt,
		RememberMe:     d.remember,
		IPAddress:      event.IPAddress,
		UserAgent:      event.UserAgent,
		DeviceID:       d.id,
		DeviceName:     d.name,
	}
	session.ExpiresAt = i.lifetimes.Expiry(session, session.CreatedAt)
	return store.NewSession{Session: session, Refresh: secret.Hash(refresh)}, refresh, event, nil
}

// event is an event of this request, without a user.
func (i issuer) event(r *http.Request, kind string) store.Event {
	event := store.Event{Type: kind, UserAgent: userAgent(r), CreatedAt: i.clock.Now()}
	if addr := web.ClientAddr(r, i.trusted); addr.IsValid() {
		event.IPAddress = addr.String()
	}
	return event
}

// userAgent is the request's User-Agent in a form that every database takes:
// valid UTF-8, no NUL, of bounded length.
func userAgent(r *http.Request) string {
	agent := r.UserAgent()
	agent = agent[:min(len(agent), maxUserAgent)]
	if !utf8.ValidString(agent) {
		agent = strings.ToValidUTF8(agent, "")
	}
	return strings.ReplaceAll(agent, "\x00", "")
}

// signer finds the key to sign with. It is asked for before anything is
// stored: a refresh token that was spent for an answer without a token would
// cost the session, if the client came back after the grace.
func (i issuer) signer() (token.Signer, error) { return i.access.Signer(i.clock.Now()) }

// tokens is the answer that hands out a session's tokens. The access token
// ends with its session at the latest.
func (i issuer) tokens(signer token.Signer, user store.User, session store.Session, refresh string) (wire.TokenResponse, error) {
	now := i.clock.Now().Unix()
	claims := token.Claims{
		Sub:   user.ID,
		Email: user.Email,
		Role:  user.Role,
		Sid:   session.ID,
		Iat:   now,
		Exp:   min(now+int64(min(i.accessTTL, signer.TTL())/time.Second), session.ExpiresAt.Unix()),
	}
	access, err := signer.Sign(claims)
	if err != nil {
		return wire.TokenResponse{}, err
	}
	return wire.TokenResponse{
		User:         sessionUser(user),
		AccessToken:  access,
		RefreshToken: refresh,
		ExpiresIn:    claims.Exp - claims.Iat,
		TokenType:    "Bearer",
	}, nil
}

func sessionUser(u store.User) wire.SessionUser {
	return wire.SessionUser{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role}
}
