// Package token makes and verifies access tokens.
package token

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/internal/wire"
)

// MaxBytes is the longest access token that is read.
const MaxBytes = 8 << 10

// The errors of Verify. Their texts are shown to whoever asks, and name only
// the step that failed.
var (
	ErrMalformed = errors.New("malformed")
	ErrHeader    = errors.New("unknown signing key or header")
	ErrSignature = errors.New("signature verification failed")
	ErrClaims    = errors.New("unexpected claims")
	// ErrExpired means that the token is good but for its age.
	ErrExpired = errors.New("expired")
)

// Claims are all claims of an access token.
type Claims struct {
	Sub   string `json:"sub"`
	Email string `json:"email"`
	Role  string `json:"role"`
	Sid   string `json:"sid"`
	Iat   int64  `json:"iat"` // Iat and Exp are seconds since the Unix epoch
	Exp   int64  `json:"exp"`
	Iss   string `json:"iss"`
	Aud   string `json:"aud"`
}

// Standing is what a token says of its user if the server is one of 2026.
type Standing struct {
	Tier          string `json:"tier"`
	EmailVerified bool   `json:"email_verified"`
}

// newerClaims are all claims of an access token of 2026.
type newerClaims struct {
	Claims
	Standing
}

// Access signs and verifies access tokens: compact JWS (RFC 7515 section
// 7.1), EdDSA over Ed25519 (RFC 8037), signed and verified with
// crypto/ed25519. The one form that it writes is the one form that it reads, but
// for names and claims of servers of another generation.
type Access struct {
	Ring     func() *keys.Ring // returns the current keys
	Issuer   string
	Audience string
	// Generation says whether the tokens that are signed have a Standing.
	Generation wire.Generation
	// OtherIssuers and OtherAudiences are read too, and never written: servers of
	// several generations share keys while one follows the other.
	OtherIssuers, OtherAudiences []string
}

// names reports whether iss and aud are those of a server with these keys.
func (a Access) names(iss, aud string) bool {
	return (iss == a.Issuer || slices.Contains(a.OtherIssuers, iss)) && (aud == a.Audience || slices.Contains(a.OtherAudiences, aud))
}

// Signer signs access tokens with the key that it found at one moment.
type Signer struct {
	key    keys.Key
	access Access
}

// Signer finds the key that signs at now. Callers ask for it before they change
// the database for the sake of a token. The error is keys.ErrStale or
// keys.ErrNoKey where no key may sign.
func (a Access) Signer(now time.Time) (Signer, error) {
	key, err := a.Ring().Signing(now)
	return Signer{key, a}, err
}

// TTL is the longest life of a token that may be signed.
func (s Signer) TTL() time.Duration { return s.key.TokenTTL }

// Sign makes an access token of a user who stands so. Issuer and audience are
// filled in.
func (s Signer) Sign(c Claims, of Standing) (string, error) {
	c.Iss, c.Aud = s.access.Issuer, s.access.Audience
	var claims any = c
	if s.access.Generation == wire.Generation2026 {
		claims = newerClaims{c, of}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := s.key
	input := key.Header + "." + base64.RawURLEncoding.EncodeToString(wire.EscapeNonASCII(payload))
	signature := ed25519.Sign(key.Private, []byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Verify reads an access token of this server. The error is one of those above,
// and the claims are zero then.
func (a Access) Verify(text string, now time.Time) (Claims, error) {
	if len(text) > MaxBytes {
		return Claims{}, ErrMalformed
	}
	header, rest, ok := strings.Cut(text, ".")
	payload, signature, split := strings.Cut(rest, ".")
	if !ok || !split {
		return Claims{}, ErrMalformed
	}
	public, ok := a.Ring().ByHeader(header)
	if !ok {
		return Claims{}, ErrHeader
	}
	raw, ok := decodeSegment(signature)
	if !ok || len(raw) != ed25519.SignatureSize {
		return Claims{}, ErrSignature
	}
	if !ed25519.Verify(public, []byte(text[:len(header)+1+len(payload)]), raw) {
		return Claims{}, ErrSignature
	}
	doc, ok := decodeSegment(payload)
	if !ok {
		return Claims{}, ErrMalformed
	}
	c, ok := decodeClaims(doc)
	if !ok {
		return Claims{}, ErrMalformed
	}
	if !a.names(c.Iss, c.Aud) || c.Sub == "" || c.Sid == "" || c.Iat <= 0 || c.Exp <= 0 {
		return Claims{}, ErrClaims
	}
	if now.Unix() >= c.Exp { // on or after: RFC 7519 section 4.1.4
		return Claims{}, ErrExpired
	}
	return c, nil
}

// decodeClaims reads claims. A server of another generation writes some that this
// one does not know. A claim whose name differs from a known one in its case
// alone is refused, since two readers may take it for two things. A Standing is
// not handed out: the database knows that of the moment.
func decodeClaims(doc []byte) (c Claims, ok bool) {
	var exact, folded newerClaims
	if json.Unmarshal(doc, &exact, json.RejectUnknownMembers(true)) == nil {
		return exact.Claims, true
	}
	exact = newerClaims{}
	ok = json.Unmarshal(doc, &exact) == nil &&
		json.Unmarshal(doc, &folded, json.MatchCaseInsensitiveNames(true)) == nil && folded == exact
	return exact.Claims, ok
}

// decodeSegment reads canonical, unpadded base64url (RFC 7515 section 2): one
// spelling for each sequence of bytes. Strict refuses stray trailing bits; the
// decoder skips line ends, which only the length gives away.
func decodeSegment(segment string) ([]byte, bool) {
	b64 := base64.RawURLEncoding.Strict()
	raw, err := b64.DecodeString(segment)
	return raw, err == nil && b64.EncodedLen(len(raw)) == len(segment)
}
