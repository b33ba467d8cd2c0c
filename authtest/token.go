package authtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// Claim changes one thing about the token that Token mints: a claim, a header
// parameter, the key or the signature. They apply in the order given.
type Claim func(*draft)

// draft is a token before it is signed.
type draft struct {
	issuer     *Issuer
	now        time.Time
	header     map[string]any
	claims     map[string]any
	exp        *time.Time // what ExpiresAt and ExpiresIn set
	rawHeader  []byte     // in place of header, where not nil
	rawPayload []byte     // in place of claims, where not nil
	key        *key
	sign       func(input string) []byte // nil signs with key
	editSigned func(signature []byte) []byte
}

// Token mints a token: without claims a good one, of the default user, that
// the newest key signs.
func (i *Issuer) Token(claims ...Claim) string {
	d := i.draft()
	for _, c := range claims {
		c(d)
	}
	d.ageWithExp()
	header, payload := d.rawHeader, d.rawPayload
	if header == nil {
		header = i.encode("header", d.header)
	}
	if payload == nil {
		payload = i.encode("claims", d.claims)
	}
	input := encode(header) + "." + encode(payload)
	sign := d.sign
	if sign == nil {
		sign = d.key.sign
	}
	signature := sign(input)
	if d.editSigned != nil {
		signature = d.editSigned(signature)
	}
	return input + "." + encode(signature)
}

// Sign mints a token of exactly these bytes, signed by the newest key: for
// what no decoder should accept. The kid in header is the caller's business;
// Kids has it.
func (i *Issuer) Sign(header, payload []byte) string {
	return i.SignInput(encode(header) + "." + encode(payload))
}

// SignInput signs text that is already encoded, the two first parts of a
// token with their dot or anything in their place, with the newest key, and
// appends a dot and the signature.
func (i *Issuer) SignInput(input string) string {
	return input + "." + encode(i.signer().sign(input))
}

func (k *key) sign(input string) []byte { return ed25519.Sign(k.private, []byte(input)) }

func (i *Issuer) draft() *draft {
	now := i.now()
	k := i.signer()
	d := &draft{
		issuer: i,
		now:    now,
		key:    k,
		header: map[string]any{"alg": "EdDSA", "kid": k.kid},
		claims: map[string]any{
			"sub":   DefaultSubject,
			"email": DefaultEmail,
			"role":  DefaultRole,
			"sid":   DefaultSessionID,
			"iat":   issuedNow(now.Unix()),
			"exp":   now.Add(TokenLife).Unix(),
			"iss":   i.Name(),
			"aud":   i.Audience(),
		},
	}
	if i.generation == wire.Generation2026 {
		d.claims["tier"], d.claims["email_verified"] = DefaultTier, true
	}
	return d
}

// issuedNow is the iat of a token that was told nothing about it.
type issuedNow int64

// ageWithExp keeps a token that expired before now from having been issued
// after its end, which would be another fault than its age.
func (d *draft) ageWithExp() {
	if iat, ok := d.claims["iat"].(issuedNow); ok && d.exp != nil && d.exp.Unix() < int64(iat) {
		d.claims["iat"] = d.exp.Add(-TokenLife).Unix()
	}
}

// encode writes a JSON object with its members in order, so that a fixed clock
// and seed give a fixed token.
func (i *Issuer) encode(what string, object map[string]any) []byte {
	b, err := json.Marshal(object, json.Deterministic(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		i.fatalf("authtest: %s: %v", what, err)
	}
	return wire.EscapeNonASCII(b)
}

// Set gives a claim any value that marshals to JSON; a jsontext.Value or a
// json.RawMessage goes in as it is, duplicate names included.
func Set(name string, value any) Claim { return func(d *draft) { d.claims[name] = value } }

// Without drops claims.
func Without(names ...string) Claim {
	return func(d *draft) {
		for _, n := range names {
			delete(d.claims, n)
		}
	}
}

// Subject sets sub, the user's id.
func Subject(id string) Claim { return Set("sub", id) }

// Email sets email.
func Email(address string) Claim { return Set("email", address) }

// Role sets role.
func Role(role string) Claim { return Set("role", role) }

// Tier sets tier, which tokens of 2026 have: guest, public, beta, alpha or
// founder. /validate says it in each generation; of a token that does not say
// it, public.
func Tier(tier string) Claim { return Set("tier", tier) }

// EmailVerified sets email_verified, which tokens of 2026 have. /validate says
// it in each generation; of a token that does not say it, false.
func EmailVerified(verified bool) Claim { return Set("email_verified", verified) }

// SessionID sets sid.
func SessionID(sid string) Claim { return Set("sid", sid) }

// IssuerName sets iss; the key stays the issuer's own.
func IssuerName(iss string) Claim { return Set("iss", iss) }

// Audience sets aud: one is a string, several are an array.
func Audience(aud ...string) Claim {
	if len(aud) == 1 {
		return Set("aud", aud[0])
	}
	return Set("aud", aud)
}

// IssuedAt sets iat.
func IssuedAt(t time.Time) Claim { return Set("iat", t.Unix()) }

// NotBefore sets nbf.
func NotBefore(t time.Time) Claim { return Set("nbf", t.Unix()) }

// ExpiresAt sets exp. Where that is before the issuer's now and nothing sets
// iat, the token was issued TokenLife before it.
func ExpiresAt(t time.Time) Claim {
	return func(d *draft) {
		d.exp = &t
		d.claims["exp"] = t.Unix()
	}
}

// ExpiresIn is ExpiresAt for d from the issuer's now; a negative d is past.
func ExpiresIn(d time.Duration) Claim {
	return func(d2 *draft) { ExpiresAt(d2.now.Add(d))(d2) }
}

// Expired makes a token that was good until an hour ago: past any leeway.
func Expired() Claim { return ExpiresIn(-time.Hour) }

// NotYetValid makes a token that is good an hour from now.
func NotYetValid() Claim {
	return func(d *draft) {
		d.claims["nbf"] = d.now.Add(time.Hour).Unix()
		d.claims["exp"] = d.now.Add(time.Hour + TokenLife).Unix()
	}
}

// OtherAudience makes a token that is meant for someone else.
func OtherAudience() Claim { return Audience("other-audience") }

// OtherIssuer makes a token that names another issuer.
func OtherIssuer() Claim { return IssuerName("other-issuer") }

// Header sets a header parameter, as Set does a claim.
func Header(name string, value any) Claim { return func(d *draft) { d.header[name] = value } }

// WithoutHeader drops header parameters.
func WithoutHeader(names ...string) Claim {
	return func(d *draft) {
		for _, n := range names {
			delete(d.header, n)
		}
	}
}

// RawHeader puts these bytes where the header goes.
func RawHeader(header []byte) Claim { return func(d *draft) { d.rawHeader = notNil(header) } }

// RawPayload puts these bytes where the claims go.
func RawPayload(payload []byte) Claim { return func(d *draft) { d.rawPayload = notNil(payload) } }

// notNil keeps the empty value from being taken for none.
func notNil(b []byte) []byte { return append([]byte{}, b...) }

// Kid signs with another key of the issuer, an old or a removed one. For a kid
// that does not go with the key, see Header.
func Kid(kid string) Claim {
	return func(d *draft) {
		d.issuer.mu.Lock()
		k := d.issuer.find(kid)
		d.issuer.mu.Unlock()
		if k == nil {
			d.issuer.fatalf("authtest: Kid: no key %q", kid)
			return
		}
		d.key = k
		d.header["kid"] = kid
	}
}

// UnknownKid names a key that nobody has, another one in every token.
func UnknownKid() Claim { return func(d *draft) { d.header["kid"] = rand.Text() } }

// SignedBy signs with another key under the issuer's kid.
func SignedBy(other ed25519.PrivateKey) Claim {
	return func(d *draft) {
		d.sign = func(input string) []byte { return ed25519.Sign(other, []byte(input)) }
	}
}

// OtherKey is SignedBy with a fresh key: a forgery.
func OtherKey() Claim {
	return func(d *draft) { SignedBy(newKey("", 0).private)(d) }
}

// Signature edits the signature before it is encoded: flips bits in it, cuts
// it, replaces it.
func Signature(edit func(signature []byte) []byte) Claim {
	return func(d *draft) { d.editSigned = edit }
}

// Unsigned leaves the signature empty; the header still says EdDSA.
func Unsigned() Claim { return Signature(func([]byte) []byte { return nil }) }

// AlgNone makes the unsecured JWS of RFC 7515 appendix A.5: alg none, no
// signature.
func AlgNone() Claim {
	return func(d *draft) {
		d.header["alg"] = "none"
		d.sign = func(string) []byte { return nil }
	}
}

// HS256 signs with an HMAC over secret, any length and none included.
func HS256(secret []byte) Claim {
	// Zeros at its end change nothing of a shorter secret (RFC 2104 section 2),
	// which a program in FIPS 140 mode may not use as it is.
	secret = append(bytes.Clone(secret), make([]byte, max(0, sha256.BlockSize-len(secret)))...)
	return func(d *draft) {
		d.header["alg"] = "HS256"
		d.sign = func(input string) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			return mac.Sum(nil)
		}
	}
}

// HS256WithPublicKey is HS256 with the 32 bytes of the public key for secret:
// what a verifier that lets the token choose the algorithm accepts.
func HS256WithPublicKey() Claim { return func(d *draft) { HS256(d.key.public())(d) } }

// All joins claims into one, for a table.
func All(claims ...Claim) Claim {
	return func(d *draft) {
		for _, c := range claims {
			c(d)
		}
	}
}
