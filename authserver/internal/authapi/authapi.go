// Package authapi has the routes of accounts, sessions and tokens. A route
// reads a request, calls a use case of package identity and writes the answer.
package authapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// Verdicts says whether access tokens are good.
type Verdicts interface {
	// Of returns the verdict on a token: the body of the answer, and its kind
	// for the metrics. An error means that there is no verdict.
	Of(ctx context.Context, token string) (answer []byte, kind string, err error)
}

// Config configures an API. All of it is required.
type Config struct {
	Out      *web.Responder
	Identity *identity.Service
	Verdicts Verdicts
	// KeySet returns the JWKS and its strong ETag.
	KeySet func() (document []byte, etag string)
	// Counted is called with the kind of each verdict.
	Counted func(verdict string)
	// PasswordMinLength is the least number of characters of a password that
	// is set.
	PasswordMinLength int
}

// API has the routes.
type API struct{ Config }

// New makes an API.
func New(c Config) *API { return &API{c} }

// Routes are all routes of the package.
func (a *API) Routes() []web.Route {
	return append(a.keySetRoutes(), []web.Route{
		a.registerRoute(), a.loginRoute(), a.refreshRoute(), a.logoutRoute(),
		a.sessionRoute(), a.sessionsRoute(), a.endSessionRoute(),
		a.eventsRoute(), a.changePasswordRoute(), a.deleteAccountRoute(),
		a.validateRoute(),
	}...)
}

// textInvalidToken is the answer of a guarded route to a token that is not
// good.
const textInvalidToken = "Invalid token"

// textLocked is the answer to a password that comes too early after wrong ones.
const textLocked = "Request failed: rate limit exceeded after wrong passwords, retry later"

// Users admits requests with a good access token of a live session.
func (a *API) Users() web.Access { return a.users(textInvalidToken) }

// users is Users with another text for the refusal of a session that has ended.
func (a *API) users(ended string) web.Access {
	return web.Access{
		Name:  "user",
		Admit: func(r *http.Request) (context.Context, error) { return a.admit(r, ended) },
		Subject: func(ctx context.Context) (string, web.Limit) {
			return "user " + identity.CallerFrom(ctx).User.ID, ""
		},
		Errors: []wire.Code{wire.InvalidRequest, wire.Unauthorized, wire.InvalidToken, wire.TokenExpired},
	}
}

func (a *API) admit(r *http.Request, ended string) (context.Context, error) {
	text, err := web.Bearer(r)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, refused(identity.ErrNoToken)
	}
	caller, err := a.Identity.Authenticate(r.Context(), text)
	if errors.Is(err, identity.ErrSessionEnded) {
		return nil, web.Fail(wire.InvalidToken, ended)
	}
	if err != nil {
		return nil, refused(err)
	}
	return identity.WithCaller(r.Context(), caller), nil
}

// maxUserAgent is how much of a User-Agent header is kept, in bytes.
const maxUserAgent = 512

// origin says where a request comes from. It cuts the User-Agent to a form that
// every database accepts.
func (a *API) origin(r *http.Request) identity.Origin {
	agent := r.UserAgent()
	agent = agent[:min(len(agent), maxUserAgent)]
	if !utf8.ValidString(agent) {
		agent = strings.ToValidUTF8(agent, "")
	}
	return identity.Origin{Addr: a.Out.Addr(r), Agent: strings.ReplaceAll(agent, "\x00", ""), At: a.Out.Now()}
}

// refusals are the answers to the refusals of the use cases. Existing clients
// compare the texts.
var refusals = []struct {
	reason error
	code   wire.Code
	text   string
}{
	{identity.ErrEmailTaken, wire.EmailAlreadyExists, "User with this email already exists"},
	{identity.ErrCredentials, wire.InvalidCredentials, "Invalid email or password"},
	{identity.ErrPassword, wire.InvalidCredentials, "Invalid password"},
	{identity.ErrRefreshToken, wire.InvalidToken, "Invalid refresh token"},
	{identity.ErrRefreshExpired, wire.TokenExpired, "Refresh token expired"},
	{identity.ErrUserGone, wire.InvalidToken, "User not found"},
	{identity.ErrNoToken, wire.Unauthorized, "No token provided"},
	{identity.ErrUserNotFound, wire.InvalidToken, textInvalidToken}, // the caller was deleted meanwhile
	{identity.ErrSessionNotFound, wire.NotFound, "Session not found"},
}

// refused turns a refusal of a use case into the answer to it, and returns every
// other error as it is.
func refused(err error) error {
	if bad, ok := errors.AsType[*identity.TokenError](err); ok {
		if errors.Is(bad.Reason, token.ErrExpired) {
			return web.Fail(wire.TokenExpired, textInvalidToken)
		}
		return web.Fail(wire.InvalidToken, textInvalidToken)
	}
	if locked, ok := errors.AsType[*guess.LockedError](err); ok {
		return &web.Failure{Code: wire.AccountLocked, Message: textLocked, RetryAfter: locked.Wait}
	}
	if bad, ok := errors.AsType[*form.InvalidError](err); ok {
		return &web.Failure{Code: wire.ValidationFailed, Message: bad.Problems}
	}
	for _, r := range refusals {
		if errors.Is(err, r.reason) {
			return web.Fail(r.code, r.text)
		}
	}
	return err
}

func sessionUser(u store.User) wire.SessionUser {
	return wire.SessionUser{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role}
}

func tokenResponse(t identity.Tokens) wire.TokenResponse {
	return wire.TokenResponse{
		User:         sessionUser(t.User),
		AccessToken:  t.Access,
		RefreshToken: t.Refresh,
		ExpiresIn:    t.ExpiresIn,
		TokenType:    "Bearer",
	}
}
