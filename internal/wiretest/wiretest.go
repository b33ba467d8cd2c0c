// Package wiretest is the suite that everything which speaks for an auth
// server passes: authserver itself and authtest, its stand-in, so that the
// stand-in cannot drift from it. It holds a server to the key set, the verdict
// and the common rules of the contract, over real HTTP, and knows no more of
// the server than a Target says. A server of 2026 is held to more than one of
// 2025 (contract section 7).
package wiretest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// Target is a running server. All fields but Generation, Client and Feed are
// required.
type Target struct {
	// BaseURL is the server's address, without a path.
	BaseURL string
	// Generation is the server's. "": the one of 2025.
	Generation wire.Generation
	// Client reaches the server. Nil is a client of the suite's own. Its
	// Transport is used, its other fields are not.
	Client *http.Client
	// Feed says that the server tells which sessions end.
	Feed bool

	// Valid mints an access token of a session that is alive.
	Valid func(tb testing.TB) string
	// Expired mints one that is good but for its exp.
	Expired func(tb testing.TB) string
	// Revoked mints one that is good but for its session, which has ended.
	Revoked func(tb testing.TB) string
	// Foreign mints one that is good but for the key that signed it, which the
	// server never had; its kid is one that the server publishes.
	Foreign func(tb testing.TB) string
}

// Run holds target to the contract, one subtest a rule.
func Run(t *testing.T, target Target) {
	transport := http.RoundTripper(&http.Transport{})
	if target.Client != nil && target.Client.Transport != nil {
		transport = target.Client.Transport
	} else {
		t.Cleanup(transport.(*http.Transport).CloseIdleConnections)
	}
	tokens := tokens{
		valid:   target.Valid(t),
		expired: target.Expired(t),
		revoked: target.Revoked(t),
		foreign: target.Foreign(t),
	}
	list := checks()
	if target.Feed {
		list = append(list, feedChecks()...)
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			p := newProbe(t.Context(), target.BaseURL, transport, tokens)
			p.generation = target.Generation
			c.run(p)
			for _, fault := range p.faults {
				t.Error(fault)
			}
		})
	}
}

type tokens struct{ valid, expired, revoked, foreign string }

// check is one rule of the contract. It reports to the probe, not to a test,
// so that the suite's own tests can run it against servers that break the
// rule.
type check struct {
	name string
	run  func(p *probe)
}

func checks() []check {
	return []check{
		{"jwks form", jwksForm},
		{"jwks caching", jwksCaching},
		{"jwks conditional", jwksConditional},
		{"jwks HEAD", jwksHead},
		{"jwks alias", jwksAlias},
		{"access token form", tokenForm},
		{"validate valid", validateValid},
		{"validate expired", validateExpired},
		{"validate invalid", validateInvalid},
		{"validate request refused", validateRefused},
		{"a token that is absent", validateAbsent},
		{"validate request of 99 KB", validateLong},
		{"unknown routes and methods", unknownRoutes},
		{"trailing slash", trailingSlash},
		{"security headers", securityHeaders},
	}
}

// securityHeaders are on every response, HEAD, 304 and errors included
// (contract section 1).
func securityHeaders(p *probe) {
	etag := p.get(jwksPath).header("ETag")
	for _, a := range []*answer{
		p.get(jwksPath),
		p.do(http.MethodHead, jwksPath, "", nil),
		p.do(http.MethodGet, jwksPath, "", http.Header{"If-None-Match": {etag}}),
		p.validate(p.tokens.valid),
		p.post("{"),
		p.get("/api/v1/nope"),
	} {
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
			"X-Frame-Options":           "DENY",
			"X-Content-Type-Options":    "nosniff",
			"Referrer-Policy":           "strict-origin-when-cross-origin",
		} {
			if got := a.header(name); got != want {
				a.errorf("%s: %q, want %q", name, got, want)
			}
		}
		csp := a.header("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") && !strings.Contains(csp, "default-src 'none'") {
			a.errorf("Content-Security-Policy: %q, want default-src 'self' or stricter", csp)
		}
		for _, name := range []string{"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
			if a.header(name) == "" {
				a.errorf("%s is missing", name)
			}
		}
	}
}
