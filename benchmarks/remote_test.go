package benchmarks

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
)

// peer is a verifier and its name, which is its row in the tables.
type peer struct {
	name   string
	verify verify
}

// peers are set up as their documents say for a remote key set, which they
// have fetched once.
func peers(tb testing.TB, issuer *authtest.Issuer) []peer {
	return []peer{
		{"jwx", jwx(jwxKeys(tb, issuer), time.Now)},
		{"golang-jwt+keyfunc", golangJWT(keyfuncKeys(tb, issuer), time.Now)},
		{"go-oidc", goOIDC(tb, issuer)},
		{"auth0", auth0(tb, issuer)},
		{"go-jose", goJose(joseKeys(tb, issuer), time.Now)},
	}
}

func ours(tb testing.TB, issuer *authtest.Issuer, cache client.CacheConfig) *client.Client {
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}, Cache: cache})
	check(tb, err)
	tb.Cleanup(func() { auth.Close() })
	check(tb, auth.Ready(tb.Context()))
	return auth
}

// asVerify makes auth comparable with the peers.
func asVerify(auth client.Verifier) verify {
	return func(ctx context.Context, token string) (identity, error) {
		user, err := auth.Verify(ctx, token)
		return identity{user.ID, user.Email, user.Role}, err
	}
}

func jwksURL(issuer *authtest.Issuer) string { return issuer.URL() + wire.JWKSPath }

func jwxKeys(tb testing.TB, issuer *authtest.Issuer) jwk.Set {
	cache, err := jwk.NewCache(tb.Context(), httprc.NewClient(httprc.WithHTTPClient(issuer.HTTPClient())))
	check(tb, err)
	tb.Cleanup(func() { check(tb, cache.Shutdown(context.Background())) })
	check(tb, cache.Register(tb.Context(), jwksURL(issuer)))
	set, err := cache.CachedSet(jwksURL(issuer))
	check(tb, err)
	return set
}

func keyfuncKeys(tb testing.TB, issuer *authtest.Issuer) jwt.Keyfunc {
	keys, err := keyfunc.NewDefaultOverrideCtx(tb.Context(), []string{jwksURL(issuer)},
		keyfunc.Override{Client: issuer.HTTPClient()})
	check(tb, err)
	return keys.Keyfunc
}

// joseKeys are fetched once: go-jose leaves keeping them fresh to its user.
func joseKeys(tb testing.TB, issuer *authtest.Issuer) *jose.JSONWebKeySet {
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, jwksURL(issuer), nil)
	check(tb, err)
	response, err := issuer.HTTPClient().Do(request)
	check(tb, err)
	defer response.Body.Close()
	set := new(jose.JSONWebKeySet)
	check(tb, json.NewDecoder(response.Body).Decode(set))
	return set
}

// goOIDC verifies with github.com/coreos/go-oidc/v3. It has a leeway for nbf
// alone, and reads no iat.
func goOIDC(tb testing.TB, issuer *authtest.Issuer) verify {
	ctx := oidc.ClientContext(tb.Context(), issuer.HTTPClient())
	verifier := oidc.NewVerifier(authtest.DefaultName, oidc.NewRemoteKeySet(ctx, jwksURL(issuer)), &oidc.Config{
		ClientID:             authtest.DefaultName,
		SupportedSigningAlgs: []string{"EdDSA"},
	})
	return func(ctx context.Context, token string) (identity, error) {
		t, err := verifier.Verify(ctx, token)
		if err != nil {
			return identity{}, err
		}
		var own struct {
			Email string `json:"email"`
			Role  string `json:"role"`
		}
		err = t.Claims(&own)
		return identity{t.Subject, own.Email, own.Role}, err
	}
}

type auth0Claims struct {
	Email string `json:"email"`
	Role  string `json:"role"`
}

func (auth0Claims) Validate(context.Context) error { return nil }

// auth0Validator verifies with github.com/auth0/go-jwt-middleware/v2.
func auth0Validator(tb testing.TB, issuer *authtest.Issuer) *validator.Validator {
	base, err := url.Parse(issuer.URL())
	check(tb, err)
	set, err := url.Parse(jwksURL(issuer))
	check(tb, err)
	keys := jwks.NewCachingProvider(base, time.Hour, jwks.WithCustomJWKSURI(set), jwks.WithCustomClient(issuer.HTTPClient()))
	v, err := validator.New(keys.KeyFunc, validator.EdDSA, authtest.DefaultName, []string{authtest.DefaultName},
		validator.WithAllowedClockSkew(leeway),
		validator.WithCustomClaims(func() validator.CustomClaims { return new(auth0Claims) }))
	check(tb, err)
	return v
}

func auth0(tb testing.TB, issuer *authtest.Issuer) verify {
	v := auth0Validator(tb, issuer)
	return func(ctx context.Context, token string) (identity, error) {
		t, err := v.ValidateToken(ctx, token)
		if err != nil {
			return identity{}, err
		}
		claims := t.(*validator.ValidatedClaims)
		own := claims.CustomClaims.(*auth0Claims)
		return identity{claims.RegisteredClaims.Subject, own.Email, own.Role}, nil
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
