package wiretest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mutant breaks one rule in the answers of a server that keeps them all.
type mutant struct {
	name   string
	check  string // the check that must notice
	change func(r *http.Request, rec *httptest.ResponseRecorder)
}

func replace(pairs ...string) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, rec *httptest.ResponseRecorder) {
		body := strings.NewReplacer(pairs...).Replace(rec.Body.String())
		rec.Body = bytes.NewBufferString(body)
	}
}

func header(name, value string) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, rec *httptest.ResponseRecorder) {
		if value == "" {
			rec.Header().Del(name)
			return
		}
		rec.Header().Set(name, value)
	}
}

func status(from, to int) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, rec *httptest.ResponseRecorder) {
		if rec.Code == from {
			rec.Code = to
		}
	}
}

var untils = regexp.MustCompile(`"until":[0-9]+`)

func until(seconds int) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, rec *httptest.ResponseRecorder) {
		rec.Body = bytes.NewBuffer(untils.ReplaceAll(rec.Body.Bytes(), fmt.Appendf(nil, `"until":%d`, seconds)))
	}
}

var x = regexp.MustCompile(`"x":"[^"]*"`)

func mutants() []mutant {
	return []mutant{
		{"indented key set", "jwks form", replace(`"keys":[`, `"keys": [`)},
		{"line feed after the key set", "jwks form", replace(`}]}`, "}]}\n")},
		{"no alg", "jwks form", replace(`"alg":"EdDSA",`, "")},
		{"one more member", "jwks form", replace(`"use":"sig"`, `"use":"sig","key_ops":["verify"]`)},
		{"use enc", "jwks form", replace(`"use":"sig"`, `"use":"enc"`)},
		{"padded x", "jwks form", replace(`","kty"`, `=","kty"`)},
		{"text/html", "jwks form", header("Content-Type", "text/html")},
		{"empty set", "jwks form", func(r *http.Request, rec *httptest.ResponseRecorder) {
			if r.Method == http.MethodGet && rec.Code == http.StatusOK {
				rec.Body = bytes.NewBufferString(`{"keys":[]}`)
			}
		}},
		{"weak ETag", "jwks caching", header("ETag", `W/"x"`)},
		{"no ETag", "jwks caching", header("ETag", "")},
		{"private key set", "jwks caching", header("Cache-Control", "private, max-age=300")},
		{"no max-age", "jwks caching", header("Cache-Control", "public")},
		{"max-age 0", "jwks caching", header("Cache-Control", "public, max-age=0")},
		{"never 304", "jwks conditional", status(http.StatusNotModified, http.StatusOK)},
		{"HEAD refused", "jwks HEAD", func(r *http.Request, rec *httptest.ResponseRecorder) {
			if r.Method == http.MethodHead {
				rec.Code = http.StatusNotFound
			}
		}},
		{"HEAD without ETag", "jwks HEAD", func(r *http.Request, rec *httptest.ResponseRecorder) {
			if r.Method == http.MethodHead {
				rec.Header().Del("ETag")
			}
		}},
		{"another key under the kid", "access token form", func(_ *http.Request, rec *httptest.ResponseRecorder) {
			rec.Body = bytes.NewBuffer(x.ReplaceAll(rec.Body.Bytes(), []byte(`"x":"`+strings.Repeat("A", 43)+`"`)))
		}},
		{"another kid", "access token form", replace(`"kid":"`, `"kid":"other-`)},
		{"no sessionId", "validate valid", replace(`"sessionId":"`+authtest.DefaultSessionID+`",`, "")},
		{"another sessionId", "validate valid", replace(`"sessionId":"`, `"sessionId":"other-`)},
		{"another role", "validate valid", replace(`"role":"user"`, `"role":"admin"`)},
		{"one more claim", "validate valid", replace(`"payload":{`, `"payload":{"jti":"x",`)},
		{"no tier in the verdict", "validate valid", replace(`"tier":"public",`, "")},
		{"a tier that nobody knows", "validate valid", replace(`"tier":"public"`, `"tier":"gold"`)},
		{"no email_verified in the verdict", "validate valid", replace(`,"email_verified":`, `,"emailVerified":`)},
		{"email_verified as text", "validate valid", replace(`"email_verified":`, `"email_verified":"yes","other":`)},
		{"valid as text", "validate valid", replace(`"valid":true`, `"valid":"true"`)},
		{"null error beside the payload", "validate valid", replace(`"valid":true`, `"valid":true,"error":null`)},
		{"verdict that may be kept", "validate valid", header("Cache-Control", "public, max-age=60")},
		{"another text for expired", "validate expired", replace(`timestamp check failed`, `timestamp check failed.`)},
		{"401 for a refusal", "validate expired", func(_ *http.Request, rec *httptest.ResponseRecorder) {
			if strings.Contains(rec.Body.String(), `"valid":false`) {
				rec.Code = http.StatusUnauthorized
			}
		}},
		{"revoked is valid", "validate invalid", replace(`"valid":false,"error":"Invalid token: session revoked"`, `"valid":true`)},
		{"another text for a bad signature", "validate invalid", replace("Invalid token: signature", "signature")},
		{"no reason", "validate invalid", replace("Invalid token: malformed", "Invalid token: ")},
		{"empty payload beside the error", "validate invalid", replace(`"valid":false`, `"valid":false,"payload":{}`)},
		{"422 for a validation", "validate request refused", status(http.StatusBadRequest, http.StatusUnprocessableEntity)},
		{"413 as 400", "validate request refused", status(http.StatusRequestEntityTooLarge, http.StatusBadRequest)},
		{"no code", "validate request refused", replace(`"code":"INVALID_REQUEST",`, "")},
		{"two codes", "validate request refused", replace(`"error":"INVALID_REQUEST"`, `"error":"Bad Request"`)},
		{"statusCode of another", "validate request refused", replace(`"statusCode":400`, `"statusCode":401`)},
		{"no alias", "jwks alias", onAlias(func(rec *httptest.ResponseRecorder) { rec.Code = http.StatusNotFound })},
		{"another set at the alias", "jwks alias", onAlias(func(rec *httptest.ResponseRecorder) {
			rec.Body = bytes.NewBufferString(`{"keys":[]}`)
		})},
		{"another max-age at the alias", "jwks alias", onAlias(func(rec *httptest.ResponseRecorder) {
			rec.Header().Set("Cache-Control", "public, max-age=1")
		})},
		{"another wording", "validate request refused", replace("token must be a string", "token is required")},
		{"no token is no question", "a token that is absent", status(http.StatusOK, http.StatusBadRequest)},
		{"no status", "validate request refused", replace(`,"status":400`, "")},
		{"one text for a validation", "validate request refused", replace(`["token must be a string"]`, `"token must be a string"`)},
		{"time in seconds", "validate request refused", replace(`Z","path"`, `","path"`)},
		{"another path", "unknown routes and methods", replace(`"path":"/api/v1`, `"path":"`)},
		{"405 for a method", "unknown routes and methods", status(http.StatusNotFound, http.StatusMethodNotAllowed)},
		{"another text for no route", "unknown routes and methods", replace("Cannot ", "cannot ")},
		{"long bodies refused", "validate request of 99 KB", func(r *http.Request, rec *httptest.ResponseRecorder) {
			if r.ContentLength > 50<<10 {
				rec.Code = http.StatusRequestEntityTooLarge
			}
		}},
		{"no trailing slash", "trailing slash", func(r *http.Request, rec *httptest.ResponseRecorder) {
			if strings.HasSuffix(r.URL.Path, "/") {
				rec.Code = http.StatusNotFound
			}
		}},
		{"feed not announced", "feed announced", header("Link", "")},
		{"feed announced elsewhere", "feed announced", header("Link", `<https://feed.example.com/>; rel="urn:manacore:revocations"`)},
		{"feed that may be kept", "feed document", header("Cache-Control", "public, max-age=60")},
		{"no session in the document", "feed document", replace(`"sessions":[{`, `"sessions":[],"x":[{`)},
		{"document that is no snapshot", "feed document", replace(`"snapshot":true`, `"snapshot":false`)},
		{"session that matters too short", "feed document", until(1)},
		{"JSON as a stream", "feed stream", header("Content-Type", "application/json")},
		{"another session in the stream", "feed stream", replace(`"id":"`, `"id":"AAAA`, `","until"`, `","until"`)},
		{"no end of the snapshot", "feed stream", replace(`"knownUpTo"`, `"more":true,"knownUpTo"`)},
		{"id that is not the cursor", "feed stream", replace("id: ", "id: x")},
		{"always a beginning", "feed resumed", replace(`"knownUpTo"`, `"snapshot":true,"knownUpTo"`)},
		{"never a beginning", "feed resumed", replace(`"snapshot":true,`, ``)},
		{"sniffing allowed", "security headers", header("X-Content-Type-Options", "")},
		{"framing allowed", "security headers", header("X-Frame-Options", "SAMEORIGIN")},
		{"no policy", "security headers", header("Content-Security-Policy", "")},
		{"no opener policy", "security headers", header("Cross-Origin-Opener-Policy", "")},
		{"no HSTS on errors", "security headers", func(_ *http.Request, rec *httptest.ResponseRecorder) {
			if rec.Code >= 400 {
				rec.Header().Del("Strict-Transport-Security")
			}
		}},
	}
}

// newerMutants are the mutants of a server of 2026: most of those of 2025, and
// its own.
func newerMutants() []mutant {
	return append(mutants(), []mutant{
		{"no status member", "unknown routes and methods", replace(`,"status":404`, "")},
		{"another status member", "unknown routes and methods", replace(`"status":404`, `"status":400`)},
		{"older name in error", "validate request refused", replace(`"error":"VALIDATION"`, `"error":"VALIDATION_FAILED"`)},
		{"newer name in code", "validate request refused", replace(`"code":"VALIDATION_FAILED"`, `"code":"VALIDATION"`)},
		{"another tier in the verdict", "validate valid", replace(`"tier":"public"`, `"tier":"founder"`)},
		{"not verified in the verdict", "validate valid", replace(`"email_verified":true`, `"email_verified":false`)},
	}...)
}

// onAlias changes what the other place of the key set answers.
func onAlias(change func(rec *httptest.ResponseRecorder)) func(*http.Request, *httptest.ResponseRecorder) {
	return func(r *http.Request, rec *httptest.ResponseRecorder) {
		if r.URL.Path == wire.JWKSAlias {
			change(rec)
		}
	}
}

// TestChecksNotice holds the suite itself to account, in each generation: every rule that a server
// may break is noticed by the check for it, and a server that breaks none
// passes all of them.
func TestChecksNotice(t *testing.T) {
	t.Parallel()
	for _, generation := range []wire.Generation{wire.Generation2025, wire.Generation2026} {
		t.Run(string(generation), func(t *testing.T) {
			t.Parallel()
			all, broken := append(checks(), feedChecks()...), mutants()
			if generation == wire.Generation2026 {
				broken = newerMutants()
			}
			for _, c := range all {
				if faults := run(t, generation, c, func(*http.Request, *httptest.ResponseRecorder) {}); faults != nil {
					t.Fatalf("the untouched server fails %q: %q", c.name, faults)
				}
			}
			noticed := map[string]bool{}
			for _, m := range broken {
				noticed[m.check] = true
				t.Run(m.name, func(t *testing.T) {
					t.Parallel()
					at := slices.IndexFunc(all, func(c check) bool { return c.name == m.check })
					if faults := run(t, generation, all[at], m.change); faults == nil {
						t.Errorf("check %q passes", m.check)
					}
				})
			}
			for _, c := range all {
				if !noticed[c.name] {
					t.Errorf("no broken server tries check %q", c.name)
				}
			}
		})
	}
}

// A token of the one generation is none of the other.
func TestTokensOfTheOtherGeneration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		generation wire.Generation
		claims     []authtest.Claim
	}{
		"2025, with a tier":       {wire.Generation2025, []authtest.Claim{authtest.Tier("public")}},
		"2025, verified":          {wire.Generation2025, []authtest.Claim{authtest.EmailVerified(true)}},
		"2026, without a tier":    {wire.Generation2026, []authtest.Claim{authtest.Without("tier")}},
		"2026, with another tier": {wire.Generation2026, []authtest.Claim{authtest.Tier("gold")}},
		"2026, not said":          {wire.Generation2026, []authtest.Claim{authtest.Without("email_verified")}},
	} {
		issuer := authtest.NewIssuer(t, of(c.generation)...)
		p := newProbe(t.Context(), issuer.URL(), issuer.HTTPClient().Transport, tokens{valid: issuer.Token(c.claims...)})
		p.generation = c.generation
		if tokenForm(p); p.faults == nil {
			t.Errorf("%s: nothing is found wrong with it", name)
		}
		issuer.HTTPClient().CloseIdleConnections()
	}
}

func of(generation wire.Generation) []authtest.Option {
	if generation == wire.Generation2026 {
		return []authtest.Option{authtest.WithGeneration2026()}
	}
	return nil
}

// firstAnswer ends a stream with its first answer.
type firstAnswer struct {
	*httptest.ResponseRecorder
	end context.CancelFunc
}

func (a firstAnswer) Flush() { a.end() }

// run returns what c finds wrong with a server whose answers change has edited.
func run(t *testing.T, generation wire.Generation, c check, change func(*http.Request, *httptest.ResponseRecorder)) []string {
	issuer := authtest.NewIssuer(t, append(of(generation), authtest.WithRevocations())...)
	tokens := tokens{
		valid:   issuer.Token(),
		expired: issuer.Token(authtest.Expired()),
		revoked: issuer.Token(authtest.SessionID("ended")),
		foreign: issuer.Token(authtest.OtherKey()),
	}
	issuer.Revoke("ended")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		issuer.ServeHTTP(firstAnswer{rec, cancel}, r.WithContext(ctx))
		change(r, rec)
		maps.Copy(w.Header(), rec.Header())
		if rec.Body.Len() > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
		}
		w.WriteHeader(rec.Code)
		if r.Method != http.MethodHead {
			w.Write(rec.Body.Bytes())
		}
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	p := newProbe(t.Context(), server.URL, transport, tokens)
	p.generation = generation
	c.run(p)
	return p.faults
}
