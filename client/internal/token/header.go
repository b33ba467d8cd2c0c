package token

import (
	"slices"
	"strings"

	"github.com/manacore/manacore-go/client/internal/fault"
)

var (
	errHeader = fault.New(fault.ErrMalformed, "header")
	errAlg    = fault.New(fault.ErrMalformed, "header: alg is not EdDSA")
	errKid    = fault.New(fault.ErrMalformed, "header: kid is missing or not accepted")
	errTyp    = fault.New(fault.ErrMalformed, "header: typ is not accepted")
	errParam  = fault.New(fault.ErrMalformed, "header: a parameter that is not accepted")
)

const (
	paramAlg = iota
	paramKid
	paramTyp
)

// params are the header parameters that have a meaning here. Those behind typ
// are refused wherever they stand: key material and places to fetch it from
// (RFC 8725 section 3.10), extensions (RFC 7515 section 4.1.11, RFC 7797),
// nesting (RFC 7519 section 5.2), the nonce of another protocol (RFC 8555
// section 6.5.2) and the parameters of a JWE (RFC 7516 section 4.1, RFC 7518
// section 4). Any other is ignored (RFC 7515 section 4).
var params = []string{
	"alg", "kid", "typ",
	"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "trust_chain",
	"crit", "b64", "cty", "nonce",
	"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
}

// header is the protected header of a compact JWS.
type header struct {
	alg, kid, typ string
	hasTyp        bool
}

func (h *header) names() []string { return params }
func (h *header) refusal() error  { return errHeader }

func (h *header) member(r *reader, i int) (err error) {
	switch i {
	case paramAlg:
		h.alg, err = r.text(errAlg)
	case paramKid:
		h.kid, err = r.text(errKid)
	case paramTyp:
		h.hasTyp = true
		h.typ, err = r.text(errTyp)
	default:
		err = errParam
	}
	return err
}

func (h *header) check(types []string) error {
	switch {
	case h.alg != "EdDSA":
		return errAlg
	case !ValidKid(h.kid):
		return errKid
	case h.hasTyp && !acceptedType(types, h.typ):
		return errTyp
	}
	return nil
}

// ValidKid tells whether kid is 1 to 128 visible ASCII characters. RFC 7515
// section 4.1.4 allows any string; the JWKS loader holds its keys to the same
// rule, so that a kid is never more than the exact key of a map.
func ValidKid(kid string) bool {
	return 1 <= len(kid) && len(kid) <= 128 &&
		!strings.ContainsFunc(kid, func(r rune) bool { return r <= ' ' || r > '~' })
}

// acceptedType compares media types without regard to case and with an
// optional "application/" (RFC 7515 section 4.1.9).
func acceptedType(types []string, typ string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, typ) })
}
