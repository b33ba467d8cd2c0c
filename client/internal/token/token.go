// Package token reads access tokens: compact JWS with one algorithm, EdDSA
// over Ed25519 (RFC 7515, RFC 8037), whose payload is a JWT claims set
// (RFC 7519). It is stricter than those documents where leniency would give
// one token two texts or two meanings: canonical base64url only, unique and
// exactly spelt member names, nothing in the header but alg, kid and typ that
// could steer the verification. The order is fixed: Read takes the form apart
// and decides nothing about trust, SignedBy checks the signature, Policy.Check
// the claims.
package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"

	"github.com/manacore/manacore-go/client/internal/fault"
)

var (
	errSize      = fault.New(fault.ErrMalformed, "too large")
	errParts     = fault.New(fault.ErrMalformed, "not three parts")
	errEncoding  = fault.New(fault.ErrMalformed, "not canonical base64url")
	errSigLength = fault.New(fault.ErrMalformed, "signature is not of 64 bytes")
)

// Token is a token taken apart. Nothing in it is trusted before SignedBy.
type Token struct {
	Claims Claims

	header    header
	signed    []byte // the signing input, RFC 7515 section 5.1
	signature []byte
}

// Read takes a token apart. The size is held to the policy before anything is
// decoded.
func Read(text string, p *Policy) (*Token, error) {
	if len(text) > p.MaxBytes {
		return nil, errSize
	}
	all := []byte(text)
	head, rest, ok := bytes.Cut(all, dot)
	if !ok {
		return nil, errParts
	}
	body, sig, ok := bytes.Cut(rest, dot)
	if !ok {
		return nil, errParts
	}
	// A fourth part is a dot in sig, and that no base64url.
	if len(sig) != base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize) {
		return nil, errSigLength
	}
	t := &Token{signed: all[:len(head)+len(dot)+len(body)]}

	raw := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(all)))
	raw, err := decode(raw, head)
	if err != nil {
		return nil, err
	}
	headEnd := len(raw)
	if raw, err = decode(raw, body); err != nil {
		return nil, err
	}
	bodyEnd := len(raw)
	if raw, err = decode(raw, sig); err != nil {
		return nil, err
	}
	t.signature = raw[bodyEnd:]

	// A reader that keeps the object without the white space around it would
	// compute another signing input.
	if !bytes.HasPrefix(raw[:headEnd], []byte("{")) || !bytes.HasSuffix(raw[:headEnd], []byte("}")) {
		return nil, errHeader
	}
	var r reader
	decoded := string(raw[:bodyEnd])
	if err := r.read(raw[:headEnd], decoded[:headEnd], &t.header); err != nil {
		return nil, err
	}
	if err := t.header.check(p.Types); err != nil {
		return nil, err
	}
	if err := r.read(raw[headEnd:bodyEnd], decoded[headEnd:], &t.Claims); err != nil {
		return nil, err
	}
	return t, nil
}

// Kid names the key that is said to have signed the token.
func (t *Token) Kid() string { return t.header.kid }

// SignedBy tells whether key signed the token.
func (t *Token) SignedBy(key ed25519.PublicKey) bool {
	return ed25519.Verify(key, t.signed, t.signature)
}

var (
	dot    = []byte{'.'}
	strict = base64.RawURLEncoding.Strict()
)

// decode appends the bytes of one part to dst. One part has exactly one text:
// no padding, no trailing bits (Strict), and no line breaks, which even Strict
// skips (attacks 100 to 103).
func decode(dst, part []byte) ([]byte, error) {
	if bytes.IndexByte(part, '\n') >= 0 || bytes.IndexByte(part, '\r') >= 0 {
		return nil, errEncoding
	}
	dst, err := strict.AppendDecode(dst, part)
	if err != nil {
		return nil, errEncoding
	}
	return dst, nil
}
