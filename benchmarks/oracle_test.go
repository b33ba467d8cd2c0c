package benchmarks

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// oracle holds the verifier to three peers: whatever it accepts, each of them
// accepts for the same user, but for what laxByRule names; whatever it refuses
// for the signature, none of them accepts. All run on one clock, key set and
// leeway. It is lopsided on purpose: the peers accept much that is refused here.
type oracle struct {
	*authtest.Issuer
	auth  *client.Client
	peers []peer
}

// newOracle is the same in every run, so that a token found by fuzzing stays
// good.
func newOracle(tb testing.TB) *oracle {
	exactTimes(tb)
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	issuer := authtest.NewIssuer(tb, authtest.WithClock(clock), authtest.WithSeed("oracle"))
	auth, err := client.New(client.Config{
		Issuers: []client.Issuer{{URL: issuer.URL()}},
		Cache:   client.CacheConfig{Size: -1},
		Clock:   impatient{clock},
		Keys:    client.KeyConfig{Cooldown: time.Nanosecond},
		Logger:  slog.New(slog.DiscardHandler),
	})
	check(tb, err)
	tb.Cleanup(func() { auth.Close() })
	check(tb, auth.Ready(tb.Context()))
	kid := issuer.Kids()[0]
	public := issuer.PublicKey(kid)
	// What impatient adds to the time is less than go-jose tells apart in an exp.
	wholeSeconds := func() time.Time { return clock.Now().Truncate(time.Second) }
	return &oracle{issuer, auth, []peer{
		{"jwx", jwx(staticSet(tb, kid, public), clock.Now, jwxjwt.WithTruncation(0))},
		{"golang-jwt", golangJWT(staticKeys(kid, public), clock.Now)},
		{"go-jose", goJose(joseKeys(tb, issuer), wholeSeconds)},
	}}
}

// exactTimes has the peers read fractions of a second, which they cut off by
// default: the verifier keeps them (RFC 7519 section 2), and would look lax by
// that much. go-jose can't, but rounds down what a clock of whole seconds
// doesn't tell apart.
func exactTimes(tb testing.TB) {
	precision := jwt.TimePrecision
	jwt.TimePrecision = time.Nanosecond
	jwxjwt.Settings(jwxjwt.WithNumericDateParsePrecision(9))
	tb.Cleanup(func() {
		jwt.TimePrecision = precision
		jwxjwt.Settings(jwxjwt.WithNumericDateParsePrecision(0))
	})
}

func staticSet(tb testing.TB, kid string, public ed25519.PublicKey) jwk.Set {
	key, err := jwk.Import(public)
	check(tb, err)
	check(tb, key.Set(jwk.KeyIDKey, kid))
	check(tb, key.Set(jwk.AlgorithmKey, "EdDSA"))
	set := jwk.NewSet()
	check(tb, set.AddKey(key))
	return set
}

// staticKeys is exact where keyfunc would fetch for an unknown kid.
func staticKeys(kid string, public ed25519.PublicKey) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != kid {
			return nil, errors.New("unknown kid")
		}
		return public, nil
	}
}

// laxByRule tells whether a peer refuses a token that is accepted here on
// purpose. That is null in iat, which says that the claim is absent (S20), and
// which jwx takes for a time that is none.
func laxByRule(peer, token string) bool {
	if peer != "jwx" {
		return false
	}
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return false
	}
	var claims map[string]json.RawMessage
	return json.Unmarshal(text, &claims) == nil && string(claims["iat"]) == "null"
}

// judge compares the verdicts on a token and returns the verifier's own.
func (o *oracle) judge(tb testing.TB, token string) error {
	tb.Helper()
	complain := func(format string, args ...any) {
		tb.Helper()
		tb.Errorf(format+"\n%s", append(args, token)...)
	}
	user, err := o.auth.Verify(tb.Context(), token)
	if err != nil && !errors.Is(err, client.ErrUnauthenticated) {
		complain("no verdict: %v", err)
	}
	for _, p := range o.peers {
		id, refusal := p.verify(tb.Context(), token)
		switch {
		case err == nil && refusal != nil && !laxByRule(p.name, token):
			complain("accepted, and refused by %s: %v", p.name, refusal)
		case err == nil && refusal == nil && id != identity{user.ID, user.Email, user.Role}:
			complain("accepted for %+v, and by %s for %+v", user, p.name, id)
		case errors.Is(err, client.ErrSignature) && refusal == nil:
			complain("refused for its signature, and accepted by %s", p.name)
		}
	}
	return err
}

const (
	goodHeader = `"alg":"EdDSA","kid":"KID"`
	goodClaims = `"iss":"manacore","aud":"manacore","sub":"u1","email":"u1@example.com","role":"user","exp":EXP`
)

// fill puts in what only the issuer knows: its KID, the time NOW, an EXP ten
// minutes on, and the exp at the EDGE of the leeway.
func (o *oracle) fill(text string) string {
	now := o.Clock().Now()
	return strings.NewReplacer(
		"KID", o.Kids()[0],
		"NOW", fmt.Sprint(now.Unix()),
		"EXP", fmt.Sprint(now.Add(10*time.Minute).Unix()),
		"EDGE", fmt.Sprint(now.Add(-leeway).Unix()),
	).Replace(text)
}

// extras are members to put into a header or a claims set, or in the place of
// one that is there, and whether the verifier accepts the outcome.
var extras = []struct {
	name, header, claims string
	accepted             bool
}{
	{name: "nothing", accepted: true},
	{name: "A3 alg twice", header: `"alg":"EdDSA"`},
	{name: "A7 ALG", header: `"ALG":"EdDSA"`},
	{name: "B27 jwk", header: `"jwk":{"kty":"OKP"}`},
	{name: "B47 crit", header: `"crit":["x"],"x":1`},
	{name: "B51 b64", header: `"b64":false`},
	{name: "B53 typ", header: `"typ":"at+jwt"`, accepted: true},
	{name: "B53 typ of another token", header: `"typ":"refresh+jwt"`},
	{name: "B55 typ number", header: `"typ":5`},
	{name: "C58 kid twice", header: `"kid":"KID"`},
	{name: "C59 sub twice", claims: `"sub":"admin"`},
	{name: "C59 unknown claim twice", claims: `"x":1,"x":2`},
	{name: "C60 nested twice", claims: `"x":{"y":1,"y":2}`},
	{name: "C62 SUB", claims: `"SUB":"admin"`},
	{name: "C62 long s", claims: "\"\u017fub\":\"admin\""},
	{name: "C67 invalid UTF-8", claims: "\"x\":\"\xff\""},
	{name: "C68 lone surrogate", claims: `"x":"\ud800"`},
	{name: "C72 deep", claims: `"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)},
	{name: "C73 huge number", claims: `"x":1e400`},
	{name: "C74 NUL elsewhere", claims: `"x":"\u0000"`, accepted: true},
	{name: "C76 __proto__", claims: `"__proto__":{"sub":"admin"}`, accepted: true},
	{name: "D86 nbf", claims: `"nbf":NOW.5`, accepted: true},
	{name: "D86 nbf string", claims: `"nbf":"NOW"`},
	{name: "D87 iat", claims: `"iat":NOW`, accepted: true},
	{name: "D87 iat null", claims: `"iat":null`, accepted: true},
	{name: "D87 iat with exponent", claims: `"iat":1.5e9`, accepted: true},
	{name: "D87 iat minus nought", claims: `"iat":-0`},
	{name: "D87 iat with a long fraction", claims: `"iat":1.00000000000000000000000000000000000000001`, accepted: true},
	{name: "D99 jti", claims: `"jti":"j1"`, accepted: true},
	{name: "D99 jti number", claims: `"jti":5`},
	{name: "D99 jti null", claims: `"jti":null`, accepted: true},
	{name: "D99 JTI number", claims: `"JTI":5`},
	{name: "escaped name", claims: `"s\u0069d":"s1"`, accepted: true},
	{name: "emoji", claims: `"name":"\ud83d\ude00"`, accepted: true},
	{name: "header nonce", header: `"nonce":"n"`},
	{name: "header nonce number", header: `"nonce":5`},
	{name: "header iss", header: `"iss":5,"sub":[],"aud":null`, accepted: true},
	{name: "white space", claims: " \t\r\n\"x\" : [ ] ", accepted: true},
}

// wholes are pairs of a whole header and a whole claims set.
var wholes = []struct {
	name, header, payload string
	accepted              bool
}{
	{"good", `{` + goodHeader + `}`, `{` + goodClaims + `}`, true},
	{"A3 alg missing", `{"kid":"KID"}`, `{` + goodClaims + `}`, false},
	{"A5 alg eddsa", `{"alg":"eddsa","kid":"KID"}`, `{` + goodClaims + `}`, false},
	{"A12 alg Ed25519", `{"alg":"Ed25519","kid":"KID"}`, `{` + goodClaims + `}`, false},
	{"B34 kid missing", `{"alg":"EdDSA"}`, `{` + goodClaims + `}`, false},
	{"B36 other kid", `{"alg":"EdDSA","kid":"k2"}`, `{` + goodClaims + `}`, false},
	{"C64 trailing data", `{` + goodHeader + `}{}`, `{` + goodClaims + `}`, false},
	{"C65 trailing data", `{` + goodHeader + `}`, `{` + goodClaims + `}xyz`, false},
	{"white space within", "{ " + goodHeader + "\n}", "{\t" + goodClaims + "\r}", true},
	{"white space around the claims", `{` + goodHeader + `}`, "\t{" + goodClaims + "}\r\n", true},
	{"white space before the header", " {" + goodHeader + `}`, `{` + goodClaims + `}`, false},
	{"white space after the header", `{` + goodHeader + "}\n", `{` + goodClaims + `}`, false},
	{"C66 BOM", `{` + goodHeader + `}`, "\ufeff{" + goodClaims + `}`, false},
	{"C70 null", `{` + goodHeader + `}`, `null`, false},
	{"D78 exp missing", `{` + goodHeader + `}`, `{"iss":"manacore","aud":"manacore","sub":"u1","email":"e","role":"r"}`, false},
	{"D84 exp gone", `{` + goodHeader + `}`, `{"iss":"manacore","aud":"manacore","sub":"u1","email":"e","role":"r","exp":EDGE}`, false},
	{"D84 exp half a second left", `{` + goodHeader + `}`, `{"iss":"manacore","aud":"manacore","sub":"u1","email":"e","role":"r","exp":EDGE.5}`, true},
	{"D90 aud array", `{` + goodHeader + `}`, `{"iss":"manacore","aud":["x","manacore"],"sub":"u1","email":"e","role":"r","exp":EXP}`, true},
	{"D91 aud mixed", `{` + goodHeader + `}`, `{"iss":"manacore","aud":["manacore",5],"sub":"u1","email":"e","role":"r","exp":EXP}`, false},
	{"D93 iss array", `{` + goodHeader + `}`, `{"iss":["manacore"],"aud":"manacore","sub":"u1","email":"e","role":"r","exp":EXP}`, false},
	{"D94 sub empty", `{` + goodHeader + `}`, `{"iss":"manacore","aud":"manacore","sub":"","email":"e","role":"r","exp":EXP}`, false},
	{"escaped values", `{"alg":"\u0045dDSA","kid":"KID"}`, `{"iss":"manacor\u0065","aud":"manacore","sub":"\u00fc\n"` + `,"email":"e","role":"r","exp":EXP}`, false},
	{"escaped subject", `{"alg":"\u0045dDSA","kid":"KID"}`, `{"iss":"manacor\u0065","aud":"manacore","sub":"\u00fc\ud83d\ude00\\\/","email":"e","role":"r","exp":EXP}`, true},
	{"exp with exponent", `{` + goodHeader + `}`, `{"iss":"manacore","aud":"manacore","sub":"u1","email":"e","role":"r","exp":0.EXPe10}`, true},
}

// withExtra is a token with more members than a good one.
func (o *oracle) withExtra(header, claims string) string {
	object := func(good, more string) []byte {
		if more != "" {
			more = "," + more
		}
		return []byte("{" + good + more + "}")
	}
	return o.Sign(object(o.fill(goodHeader), header), object(o.fill(goodClaims), claims))
}

func TestOracle(t *testing.T) {
	o := newOracle(t)
	for _, c := range extras {
		t.Run(c.name, func(t *testing.T) {
			if err := o.judge(t, o.withExtra(o.fill(c.header), o.fill(c.claims))); (err == nil) != c.accepted {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, c := range wholes {
		t.Run(c.name, func(t *testing.T) {
			if err := o.judge(t, o.Sign([]byte(o.fill(c.header)), []byte(o.fill(c.payload)))); (err == nil) != c.accepted {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestOracleSignature flips each bit of a good signature, and changes each
// character of a good token: nothing of that is accepted by anyone but for
// the peers' laxness towards base64.
func TestOracleSignature(t *testing.T) {
	o := newOracle(t)
	for bit := range 8 * ed25519.SignatureSize {
		flipped := o.Token(authtest.Signature(func(signature []byte) []byte {
			signature[bit/8] ^= 1 << (bit % 8)
			return signature
		}))
		if err := o.judge(t, flipped); !errors.Is(err, client.ErrSignature) {
			t.Errorf("bit %d: got %v", bit, err)
		}
	}
	good := o.Token()
	for i := range len(good) {
		for _, edit := range []string{"", "A", "B", "-", "=", "\n", ".", "\x00"} {
			edited := good[:i] + edit + good[i+1:]
			if err := o.judge(t, edited); err == nil && edited != good {
				t.Errorf("byte %d, %q: accepted", i, edit)
			}
		}
	}
}

// FuzzSigned signs any header and any claims set with the real key.
func FuzzSigned(f *testing.F) {
	o := newOracle(f)
	for _, c := range wholes {
		f.Add([]byte(o.fill(c.header)), []byte(o.fill(c.payload)))
	}
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		o.judge(t, o.Sign(header, payload))
	})
}

// FuzzExtra adds any members to a good header and to good claims: closer to
// what is accepted than FuzzSigned.
func FuzzExtra(f *testing.F) {
	o := newOracle(f)
	for _, c := range extras {
		f.Add(o.fill(c.header), o.fill(c.claims))
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		o.judge(t, o.withExtra(header, claims))
	})
}

// FuzzText judges any text.
func FuzzText(f *testing.F) {
	o := newOracle(f)
	good := o.Token()
	for _, text := range []string{
		good, good + "=", good + "\n", " " + good, good + ".", "Bearer " + good, // E100 to E110
		o.Token(authtest.OtherKey()), o.Token(authtest.AlgNone()), o.Token(authtest.HS256WithPublicKey()),
		"", "..", "....", `{"payload":"","signature":""}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o.judge(t, text)
	})
}

// impatient is a clock that moves on by itself for whoever waits no longer than a
// microsecond, as the client does with a Cooldown of a nanosecond: kids that the
// oracle makes up would else wait for a clock that stands still.
type impatient struct{ *authtest.Clock }

func (c impatient) AfterFunc(d time.Duration, f func()) func() bool {
	stop := c.Clock.AfterFunc(d, f)
	if d <= time.Microsecond {
		go c.Advance(d)
	}
	return stop
}
