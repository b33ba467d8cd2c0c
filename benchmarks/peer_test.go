package benchmarks

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/manacore/manacore-go/authtest"
)

// leeway is the default of client.TokenConfig.
const leeway = 10 * time.Second

// identity is what every verifier has to find in a token.
type identity struct{ Subject, Email, Role string }

// verify is one verifier: iss, aud, exp, nbf and iat checked with leeway, and
// nothing but EdDSA accepted, as far as it offers that.
type verify func(ctx context.Context, token string) (identity, error)

// jwx verifies with github.com/lestrrat-go/jwx/v3.
func jwx(set jwk.Set, now func() time.Time, more ...jwxjwt.ParseOption) verify {
	options := append([]jwxjwt.ParseOption{
		jwxjwt.WithKeySet(set),
		jwxjwt.WithIssuer(authtest.DefaultName),
		jwxjwt.WithAudience(authtest.DefaultName),
		jwxjwt.WithRequiredClaim("exp"),
		jwxjwt.WithAcceptableSkew(leeway),
		jwxjwt.WithClock(jwxjwt.ClockFunc(now)),
	}, more...)
	return func(_ context.Context, token string) (id identity, err error) {
		t, err := jwxjwt.ParseString(token, options...)
		if err != nil {
			return identity{}, err
		}
		id.Subject, _ = t.Subject()
		return id, errors.Join(t.Get("email", &id.Email), t.Get("role", &id.Role))
	}
}

// golangJWT verifies with github.com/golang-jwt/jwt/v5.
func golangJWT(keys jwt.Keyfunc, now func() time.Time) verify {
	type claims struct {
		jwt.RegisteredClaims
		Email string `json:"email"`
		Role  string `json:"role"`
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA"}),
		jwt.WithStrictDecoding(),
		jwt.WithIssuer(authtest.DefaultName),
		jwt.WithAudience(authtest.DefaultName),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now),
	)
	return func(_ context.Context, token string) (identity, error) {
		var c claims
		if _, err := parser.ParseWithClaims(token, &c, keys); err != nil {
			return identity{}, err
		}
		return identity{c.Subject, c.Email, c.Role}, nil
	}
}

// goJose verifies with github.com/go-jose/go-jose/v4.
func goJose(set *jose.JSONWebKeySet, now func() time.Time) verify {
	return func(_ context.Context, token string) (identity, error) {
		t, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return identity{}, err
		}
		var registered josejwt.Claims
		var own struct {
			Email string `json:"email"`
			Role  string `json:"role"`
		}
		if err := t.Claims(set, &registered, &own); err != nil {
			return identity{}, err
		}
		if registered.Expiry == nil {
			return identity{}, errors.New("no exp")
		}
		err = registered.ValidateWithLeeway(josejwt.Expected{
			Issuer:      authtest.DefaultName,
			AnyAudience: josejwt.Audience{authtest.DefaultName},
			Time:        now(),
		}, leeway)
		if err != nil {
			return identity{}, err
		}
		return identity{registered.Subject, own.Email, own.Role}, nil
	}
}
