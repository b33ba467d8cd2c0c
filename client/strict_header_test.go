package client_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// Section B, key material and places to fetch it from: refused whether or not
// it is the right one, and nobody is called (cases 28 and 29).
func TestKeysInTheHeader(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	listener := newListener(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := l.PublicKey(l.Kids()[0])
	jwk := func(key ed25519.PublicKey) map[string]string {
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64.EncodeToString(key), "kid": l.Kids()[0]}
	}
	signed := authtest.SignedBy(private)
	attacks := []attack{
		{name: "B26 the attacker's jwk", claim: authtest.All(signed, authtest.Header("jwk", jwk(public))), want: client.ErrMalformed},
		{name: "B26 the attacker's jwk without kid", claim: authtest.All(signed, authtest.WithoutHeader("kid"), authtest.Header("jwk", jwk(public))), want: client.ErrMalformed},
		{name: "B26 a private jwk", claim: authtest.All(signed, authtest.Header("jwk", map[string]string{"kty": "OKP", "d": b64.EncodeToString(private.Seed())})), want: client.ErrMalformed},
		{name: "B27 the right jwk", claim: authtest.Header("jwk", jwk(own)), want: client.ErrMalformed},
		{name: "B26 jwk null", claim: authtest.Header("jwk", nil), want: client.ErrMalformed},
		{name: "B26 JWK", claim: authtest.Header("JWK", jwk(public)), want: client.ErrMalformed},
		{name: "B26 a key set", claim: authtest.All(signed, authtest.Header("jwk", map[string]any{"keys": []any{jwk(public)}})), want: client.ErrMalformed},
		{name: "B29 x5c", claim: authtest.Header("x5c", []string{"MIIB"}), want: client.ErrMalformed},
		{name: "B29 x5c empty", claim: authtest.Header("x5c", []string{}), want: client.ErrMalformed},
		{name: "B29 x5t", claim: authtest.Header("x5t", "dGh1bWI"), want: client.ErrMalformed},
		{name: "B29 x5t#S256", claim: authtest.Header("x5t#S256", "dGh1bWI"), want: client.ErrMalformed},
		{name: "B29 x5t#s256", claim: authtest.Header("x5t#s256", "dGh1bWI"), want: client.ErrMalformed},
		{name: "B29 trust_chain", claim: authtest.Header("trust_chain", []string{"e30.e30."}), want: client.ErrMalformed},
		{name: "B28 the kid is a URL", claim: authtest.Header("kid", listener.url), want: client.ErrUnknownKey},
		{name: "B28 the issuer is a URL", claim: authtest.IssuerName(listener.url), want: client.ErrClaims},
	}
	for _, name := range []string{"jku", "x5u", "JKU", "X5U"} {
		for _, url := range []string{listener.url, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "gopher://" + listener.addr + "/_", "//" + listener.addr, l.URL() + "/api/v1/auth/jwks"} {
			attacks = append(attacks,
				attack{name: fmt.Sprintf("B28 B29 %s %s", name, url), claim: authtest.All(signed, authtest.Header(name, url)), want: client.ErrMalformed},
				attack{name: fmt.Sprintf("B28 B29 %s %s, well signed", name, url), claim: authtest.Header(name, url), want: client.ErrMalformed})
		}
	}
	l.refuse(t, attacks)
	if n := listener.connections(t); n != 0 {
		t.Errorf("B28 B29: %d connections to where a token points", n)
	}
}

// listener counts who connects.
type listener struct {
	addr, url string
	callers   chan string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{addr: inner.Addr().String(), callers: make(chan string, 1024)}
	l.url = "http://" + l.addr + "/jwks.json"
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			l.callers <- conn.RemoteAddr().String()
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		inner.Close()
		<-done
	})
	return l
}

// connections are those before this call, which queues up behind them.
func (l *listener) connections(t *testing.T) (n int) {
	t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for <-l.callers != conn.LocalAddr().String() {
		n++
	}
	return n
}

// Section B, kid: the exact key of a map, and nothing else. There is no path
// from it to a file, a query or a command: it is held to ValidKid and looked
// up (case 30 by construction).
func TestKid(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	kid := l.Kids()[0]
	var attacks []attack
	for number, kids := range map[string][]string{
		"B30": {"../../../../dev/null", "/dev/null", `..\\..\\`, "%2e%2e%2f", "file:///dev/null", "/proc/self/environ", kid + "/../" + kid, "./" + kid},
		"B31": {"x'/**/UNION/**/SELECT/**/'1';--", "'", kid + "'--"},
		"B32": {"|sleep${IFS}10", "$(id)", "{{7*7}}", "*)(uid=*", "`id`", "${jndi:ldap://127.0.0.1/x}", "%s%n%x", "<script>"},
		"B35": {strings.Repeat("k", 128)},
		"B36": {strings.ToUpper(kid), kid[1:], kid[:len(kid)-1], kid + kid, kid + ".", kid + "="},
	} {
		for _, k := range kids {
			attacks = append(attacks, attack{name: fmt.Sprintf("%s kid %.40q", number, k), claim: authtest.Header("kid", k), want: client.ErrUnknownKey})
		}
	}
	for number, kids := range map[string][]string{
		"B31": {"x' UNION SELECT '1';--"},
		"B32": {"|sleep 10"},
		"B35": {"", " ", "\t", " " + kid, kid + " ", strings.Repeat("k", 129), strings.Repeat("k", 5000)},
		"C74": {kid + "\x00", kid + "\n", kid + "\x1b[2J", "\r\n", kid + "\x7f", kid + "\u0085", kid + "\u2028"},
		"B36": {"\u212a" + kid[1:], kid + "\u200b", "\uff4b"},
	} {
		for _, k := range kids {
			attacks = append(attacks, attack{name: fmt.Sprintf("%s kid %.40q", number, k), claim: authtest.Header("kid", k), want: client.ErrMalformed})
		}
	}
	for _, value := range []any{5, nil, true, []string{kid}, map[string]string{"kid": kid}, 0, []any{}} {
		attacks = append(attacks, attack{name: fmt.Sprintf("B33 kid %v", value), claim: authtest.Header("kid", value), want: client.ErrMalformed})
	}
	attacks = append(attacks,
		attack{name: "B34 no kid, one key", claim: authtest.WithoutHeader("kid"), want: client.ErrMalformed},
		attack{name: "B34 KID alone", claim: l.inHeader(`"kid"`, `"KID"`), want: client.ErrMalformed},
		attack{name: "B35 kid of 1 MiB", claim: authtest.Header("kid", strings.Repeat("k", 1<<20)), want: client.ErrMalformed},
	)
	l.refuse(t, attacks)

	second := l.Rotate()
	l.auth = l.newClient(nil)
	l.wantOK(l.Token(authtest.Kid(kid)))
	l.wantOK(l.Token(authtest.Kid(second)))
	l.refuse(t, []attack{
		{name: "B34 no kid, two keys", claim: authtest.WithoutHeader("kid"), want: client.ErrMalformed},
		{name: "B36 the first kid, signed by the second key", claim: authtest.All(authtest.Kid(second), authtest.Header("kid", kid)), want: client.ErrSignature},
		{name: "B36 the second kid, signed by the first key", claim: authtest.All(authtest.Kid(kid), authtest.Header("kid", second)), want: client.ErrSignature},
		{name: "B36 no such kid, signed by the second key", claim: authtest.UnknownKid(), want: client.ErrUnknownKey},
	})
}

// Section B, what the key set may hold, end to end; the rows are those of
// TestJWK in package keys. One odd key spoils no set.
func TestOddKeysInTheSet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	x := b64.EncodeToString(public)
	odd := map[string]string{
		"B13 Ed448":     `"kty":"OKP","crv":"Ed448","x":"` + x + `"`,
		"B13 X25519":    `"kty":"OKP","crv":"X25519","x":"` + x + `"`,
		"B39 oct":       `"kty":"oct","k":"` + x + `"`,
		"B40 private":   `"kty":"OKP","crv":"Ed25519","x":"` + x + `","d":"` + b64.EncodeToString(private.Seed()) + `"`,
		"B41 use enc":   `"kty":"OKP","crv":"Ed25519","use":"enc","x":"` + x + `"`,
		"B41 key_ops":   `"kty":"OKP","crv":"Ed25519","key_ops":["sign"],"x":"` + x + `"`,
		"B41 alg RS256": `"kty":"OKP","crv":"Ed25519","alg":"RS256","x":"` + x + `"`,
		"B42 EC":        `"kty":"EC","crv":"Ed25519","x":"` + x + `"`,
		"B42 P-256":     `"kty":"OKP","crv":"P-256","x":"` + x + `"`,
		"B43 padded x":  `"kty":"OKP","crv":"Ed25519","x":"` + x + `="`,
	}
	var attacks []attack
	for name, members := range odd {
		kid := strings.ReplaceAll(name, " ", "-")
		l.AddJWK(fmt.Sprintf(`{"kid":%q,%s}`, kid, members))
		attacks = append(attacks, attack{name: name, claim: authtest.All(authtest.SignedBy(private), authtest.Header("kid", kid)), want: client.ErrUnknownKey})
	}
	for range 2 { // B38
		l.AddJWK(`{"kid":"twice","kty":"OKP","crv":"Ed25519","x":"` + x + `"}`)
	}
	attacks = append(attacks, attack{name: "B38 duplicate kid", claim: authtest.All(authtest.SignedBy(private), authtest.Header("kid", "twice")), want: client.ErrUnknownKey})
	l.auth = l.newClient(nil)
	l.wantOK(l.Token())
	l.refuse(t, attacks)

	// The same key with nothing odd about it does verify.
	l.AddJWK(`{"kid":"plain","kty":"OKP","crv":"Ed25519","x":"` + x + `"}`)
	l.auth = l.newClient(nil)
	l.wantOK(l.Token(authtest.SignedBy(private), authtest.Header("kid", "plain")))
}

// B44: what is ambiguous as a whole is no key set at all.
func TestAmbiguousKeySet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	x := b64.EncodeToString(l.PublicKey(l.Kids()[0]))
	key := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"kid":%q}`, x, l.Kids()[0])
	for name, document := range map[string]string{
		"B44 keys twice":          `{"keys":[],"keys":[` + key + `]}`,
		"B44 x twice":             `{"keys":[` + strings.Replace(key, `"x"`, `"x":"AAAA","x"`, 1) + `]}`,
		"B44 nested twice":        `{"keys":[` + key + `],"ext":{"a":1,"a":2}}`,
		"B44 invalid UTF-8":       `{"keys":[` + key + `],"ext":"` + "\xff" + `"}`,
		"B44 trailing data":       `{"keys":[` + key + `]}{}`,
		"B38 the same kid twice":  `{"keys":[` + key + `,` + key + `]}`,
		"B44 KEYS":                `{"KEYS":[` + key + `]}`,
		"B44 an array, no object": `[` + key + `]`,
	} {
		l.SetJWKS([]byte(document))
		auth := l.newClient(nil)
		if user, err := auth.Verify(t.Context(), l.Token()); user != (client.User{}) || err == nil {
			t.Errorf("%s: got %v, %v", name, user, err)
		}
	}
	l.SetJWKS([]byte(`{"keys":[` + key + `]}`))
	l.auth = l.newClient(nil)
	l.wantOK(l.Token())
}

// B45 and B46: a key is good for its own issuer's names and audiences only.
func TestIssuersAreApart(t *testing.T) {
	t.Parallel()
	a := newRig(t, patient)
	b := authtest.NewIssuer(t, authtest.WithClock(a.clock), authtest.WithName("staging"), authtest.WithAudience("staging-apps"))
	// One kid for two keys.
	b.AddJWK(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"kid":%q}`, b64.EncodeToString(b.PublicKey(b.Kids()[0])), a.Kids()[0]))
	auth := a.newClient(func(c *client.Config) {
		c.Issuers = append(c.Issuers, client.Issuer{URL: b.URL(), Names: []string{"staging"}, Audiences: []string{"staging-apps"}})
	})
	for _, token := range []string{a.Token(), b.Token()} {
		if _, err := auth.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	like := authtest.All(authtest.IssuerName(a.Name()), authtest.Audience(a.Audience()))
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"B45 iss of A, key and kid of B":      {b.Token(like), client.ErrUnknownKey},
		"B45 iss of A, key of B, kid of both": {b.Token(like, authtest.Header("kid", a.Kids()[0])), client.ErrSignature},
		"B45 iss of B, key of A, kid of both": {a.Token(authtest.IssuerName("staging"), authtest.Audience("staging-apps")), client.ErrSignature},
		"B46 aud of A, iss and key of B":      {b.Token(authtest.Audience(a.Audience())), client.ErrClaims},
		"B46 aud of B, iss and key of A":      {a.Token(authtest.Audience("staging-apps")), client.ErrClaims},
	} {
		t.Run(name, func(t *testing.T) { refused(t, auth, c.token, c.want) })
	}
	t.Run("B46 a token of B where only A is known", func(t *testing.T) {
		refused(t, a.auth, b.Token(), client.ErrClaims)
		refused(t, a.auth, b.Token(like), client.ErrUnknownKey)
	})
}

// Section B, the other parameters.
func TestHeaderParameters(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	add := func(name, member string) {
		attacks = append(attacks, attack{name: name + " " + member, claim: l.headerWith(member), want: client.ErrMalformed})
	}
	for _, member := range []string{
		`"crit":["x"],"x":1`, `"crit":["x"]`, `"crit":["exp"],"exp":1`, `"crit":["alg"]`, `"crit":["kid","kid"]`,
		`"crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true`, `"CRIT":["x"]`,
	} {
		add("B47", member)
	}
	for _, member := range []string{`"crit":[]`, `"crit":"exp"`, `"crit":[1]`, `"crit":null`, `"crit":{}`, `"crit":false`, `"crit":[null]`, `"crit":[["x"]]`} {
		add("B48", member)
	}
	for _, member := range []string{`"b64":false,"crit":["b64"]`, `"b64":true,"crit":["b64"]`, `"crit":["b64"]`} {
		add("B50", member)
	}
	for _, member := range []string{`"b64":false`, `"b64":true`, `"b64":"false"`, `"b64":null`, `"B64":false`} {
		add("B51", member)
	}
	for _, member := range []string{
		`"zip":"DEF"`, `"enc":"A256GCM"`, `"epk":{}`, `"p2c":2147483647`, `"p2s":"c2FsdA"`, `"apu":"QQ"`, `"apv":"Qg"`,
		`"iv":"AAAA"`, `"tag":"AAAA"`, `"zip":null`, `"ENC":"A128CBC-HS256"`,
	} {
		add("B52", member)
	}
	for _, typ := range []string{
		"refresh+jwt", "secevent+jwt", "logout+jwt", "dpop+jwt", "id_token+jwt", "ID", "id+jwt", "JWE", "JOSE", "JOSE+JSON", "oauth-authz-req+jwt",
		"token-introspection+jwt", "kb+jwt", "vc+sd-jwt", "entity-statement+jwt", "client-authentication+jwt", "openidvci-proof+jwt", "passport", "rt+jwt",
		"", " ", " JWT", "JWT ", "JWT\x00", "JWT,at+jwt", "JWT; q=1", "application/", "application/ JWT", "application/application/jwt",
		"text/jwt", "application", "/JWT", "at", "at+jwt+jwt", "\u0130WT", "\uff2aWT", "J\u200bWT",
	} {
		attacks = append(attacks, attack{name: fmt.Sprintf("B53 typ %q", typ), claim: authtest.Header("typ", typ), want: client.ErrMalformed})
	}
	for _, value := range []string{"5", "null", "[]", "true", "{}", `["JWT"]`} {
		add("B55", `"typ":`+value)
	}
	add("B55", `"TYP":"JWT"`)
	for _, cty := range []string{`"JWT"`, `"jwt"`, `"application/jwt"`, `"json"`, "null", "5"} {
		add("B56", `"cty":`+cty)
	}
	nested, err := json.Marshal(l.Token())
	if err != nil {
		t.Fatal(err)
	}
	attacks = append(attacks,
		attack{name: "B56 a token for payload", claim: authtest.RawPayload([]byte(l.Token())), want: client.ErrMalformed},
		attack{name: "B56 a token in a JSON string for payload", claim: authtest.RawPayload(nested), want: client.ErrMalformed},
		attack{name: "B50 the payload not encoded", claim: l.headerWith(`"b64":false,"crit":["b64"]`), want: client.ErrMalformed,
			edit: func(text string) string {
				header, _, _ := strings.Cut(text, ".")
				return l.SignInput(header + "." + strings.ReplaceAll(l.payload, ".", "_"))
			}},
	)
	l.refuse(t, attacks)
}
