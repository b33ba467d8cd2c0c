package benchmarks

import (
	"net/http"
	"testing"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	auth0mw "github.com/auth0/go-jwt-middleware/v2"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/jwtauth/v5"
	jwtv4 "github.com/golang-jwt/jwt/v4"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	jwxv2 "github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	authecho "github.com/manacore/manacore-go/middleware/echo"
	authgin "github.com/manacore/manacore-go/middleware/gin"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// bare is the handler without a guard, which each framework's guards are
// measured against.
const bare = "bare"

// BenchmarkGuard answers one request whose token is good: 204.
func BenchmarkGuard(b *testing.B) {
	issuer := authtest.NewIssuer(b)
	cached := ours(b, issuer, client.CacheConfig{})
	cold := ours(b, issuer, client.CacheConfig{Size: -1})
	for _, f := range []struct {
		name  string
		peers []guarded
	}{
		{"nethttp", []guarded{
			{bare, behindMux(nil)},
			{"manacore", behindMux(nethttp.Guard(cached))},
			{"manacore,cold", behindMux(nethttp.Guard(cold))},
			{"auth0", behindMux(auth0mw.New(auth0Validator(b, issuer).ValidateToken).CheckJWT)},
			{"jwtauth", behindMux(chiGuard(issuer))},
		}},
		{"echo", []guarded{
			{bare, behindEcho(nil)},
			{"manacore", behindEcho(authecho.Guard(cached))},
			{"manacore,cold", behindEcho(authecho.Guard(cold))},
			{"echo-jwt", behindEcho(echoGuard(b, issuer))},
		}},
		{"gin", []guarded{
			{bare, behindGin(nil)},
			{"manacore", behindGin(authgin.Guard(cached))},
			{"manacore,cold", behindGin(authgin.Guard(cold))},
			{"gin-jwt", behindGin(ginGuard(b, issuer))},
		}},
	} {
		for _, g := range f.peers {
			b.Run(f.name+"/"+g.name, func(b *testing.B) {
				benchGuard(b, g.handler, issuer.Token(lasting()), g.name != bare)
			})
		}
	}
}

type guarded struct {
	name    string
	handler http.Handler
}

func benchGuard(b *testing.B, handler http.Handler, token string, isGuard bool) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/quotes/7", nil)
	check(b, err)
	w := &sink{header: http.Header{}}
	if handler.ServeHTTP(w, r); isGuard && w.status == http.StatusNoContent {
		b.Fatal("passed without a token")
	}
	clear(w.header)
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	report := countCPU(b)
	for b.Loop() {
		if handler.ServeHTTP(w, r); w.status != http.StatusNoContent {
			b.Fatalf("got %d", w.status)
		}
	}
	report()
}

// sink is a response writer that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

func behindMux(guard func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quotes/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	if guard == nil {
		return mux
	}
	return guard(mux)
}

func behindEcho(guard echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	if guard != nil {
		e.Use(guard)
	}
	e.GET("/quotes/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	return e
}

func behindGin(guard gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	if guard != nil {
		e.Use(guard)
	}
	e.GET("/quotes/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	return e
}

// chiGuard is jwtauth, which takes one key and no key set.
func chiGuard(issuer *authtest.Issuer) func(http.Handler) http.Handler {
	auth := jwtauth.New("EdDSA", nil, issuer.PublicKey(issuer.Kids()[0]),
		jwxv2.WithIssuer(authtest.DefaultName),
		jwxv2.WithAudience(authtest.DefaultName),
		jwxv2.WithAcceptableSkew(leeway))
	return func(next http.Handler) http.Handler {
		return jwtauth.Verifier(auth)(jwtauth.Authenticator(auth)(next))
	}
}

// echoGuard is echo-jwt with golang-jwt and keyfunc.
func echoGuard(b *testing.B, issuer *authtest.Issuer) echo.MiddlewareFunc {
	verify := golangJWT(keyfuncKeys(b, issuer), time.Now)
	return echojwt.WithConfig(echojwt.Config{
		ParseTokenFunc: func(c echo.Context, token string) (any, error) {
			return verify(c.Request().Context(), token)
		},
	})
}

// ginGuard is gin-jwt, which is given one key. It checks neither iss nor aud.
func ginGuard(b *testing.B, issuer *authtest.Issuer) gin.HandlerFunc {
	key := issuer.PublicKey(issuer.Kids()[0])
	guard, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		KeyFunc:      func(*jwtv4.Token) (any, error) { return key, nil },
		ParseOptions: []jwtv4.ParserOption{jwtv4.WithValidMethods([]string{"EdDSA"})},
	})
	check(b, err)
	return guard.MiddlewareFunc()
}
