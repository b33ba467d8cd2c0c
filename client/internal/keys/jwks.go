package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"filippo.io/edwards25519"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/manacore/manacore-go/client/internal/token"
)

// maxKeys is how many keys a document may hold. A set of one issuer holds two
// or three.
const maxKeys = 100

var (
	errDocument = errors.New("the JWKS is not the JSON of a key set")
	errTooMany  = errors.New("the JWKS holds too many keys")
	errNoKey    = errors.New("the JWKS holds no usable Ed25519 key")
)

// document is what a JWKS says to an EdDSA verifier.
type document struct {
	keys    map[string]ed25519.PublicKey // by kid
	skipped int                          // keys that are not for us, or not good
	private bool                         // private key material was published
}

// parse reads a JWKS (RFC 7517 section 5). A key that is not usable is passed
// over, so that one odd key never spoils a set; a document that is not one, or
// that leaves no usable key, is an error.
func parse(data []byte) (document, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// The decoder refuses duplicate members at every level (RFC 7517 section
	// 4) and invalid UTF-8.
	if err := json.Unmarshal(data, &set); err != nil {
		return document{}, errDocument
	}
	if len(set.Keys) > maxKeys {
		return document{}, errTooMany
	}
	doc := document{keys: make(map[string]ed25519.PublicKey, len(set.Keys))}
	ambiguous := make(map[string]bool)
	for _, raw := range set.Keys {
		kid, key, private := parseKey(raw)
		doc.private = doc.private || private
		if key == nil {
			doc.skipped++
			continue
		}
		if _, ok := doc.keys[kid]; ok {
			// Which of the two signs is a guess: neither does (attack 38).
			ambiguous[kid] = true
			doc.skipped++
			continue
		}
		doc.keys[kid] = key
	}
	for kid := range ambiguous {
		delete(doc.keys, kid)
		doc.skipped++
	}
	if len(doc.keys) == 0 {
		return doc, errNoKey
	}
	return doc, nil
}

// jwk holds the members that decide whether a key is usable here. Those for
// private or symmetric material only count by being there and not being null.
type jwk struct {
	Kty    string         `json:"kty"`
	Crv    string         `json:"crv"`
	X      string         `json:"x"`
	Kid    string         `json:"kid"`
	Use    *string        `json:"use"`
	Alg    *string        `json:"alg"`
	KeyOps *[]string      `json:"key_ops"`
	D      jsontext.Value `json:"d"`
	K      jsontext.Value `json:"k"`
	P      jsontext.Value `json:"p"`
}

// parseKey returns a usable key and its kid, or a nil key.
func parseKey(raw jsontext.Value) (kid string, key ed25519.PublicKey, private bool) {
	var k jwk
	if err := json.Unmarshal(raw, &k); err != nil {
		return "", nil, false
	}
	if material(k.D) || material(k.K) || material(k.P) {
		return "", nil, true
	}
	// RFC 8037 section 2, RFC 7517 sections 4.2 to 4.5.
	usable := k.Kty == "OKP" && k.Crv == "Ed25519" && token.ValidKid(k.Kid) &&
		(k.Use == nil || *k.Use == "sig") &&
		(k.Alg == nil || *k.Alg == "EdDSA") &&
		(k.KeyOps == nil || slices.Contains(*k.KeyOps, "verify"))
	if !usable {
		return "", nil, false
	}
	key, ok := parsePoint(k.X)
	if !ok {
		return "", nil, false
	}
	return k.Kid, key, false
}

// material tells a member that is there and holds something, be it of the wrong
// type.
func material(member jsontext.Value) bool { return member != nil && member.Kind() != 'n' }

// parsePoint decodes x and refuses the public keys that crypto/ed25519 lets
// through: encodings that are not canonical (RFC 8032 section 5.1.3) and
// points of small order, for which anyone can make signatures.
func parsePoint(x string) (ed25519.PublicKey, bool) {
	if strings.ContainsAny(x, "\r\n") {
		return nil, false
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(x)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, false
	}
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || string(point.Bytes()) != string(key) {
		return nil, false
	}
	smallOrder := new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
	return key, !smallOrder
}
