package wiretest

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

// tiers are the tiers of contract section 7.
var tiers = []string{"guest", "public", "beta", "alpha", "founder"}

// tokenForm: contract section 2, "Access token". The header names a published
// key, the claims are those of the contract and no others, and their text is
// ASCII.
func tokenForm(p *probe) {
	a := p.get(jwksPath)
	keys := a.keys()
	parts := strings.Split(p.tokens.valid, ".")
	if len(parts) != 3 {
		p.errorf("access token: %d parts, want 3", len(parts))
		return
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			p.errorf("access token: part %d: %v", i+1, err)
			return
		}
	}
	kid := p.tokenHeader(decoded[0])
	key, published := keys[kid]
	if !published {
		p.errorf("access token: kid %q is not in the key set", kid)
	} else if key != nil && !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), decoded[2]) {
		p.errorf("access token: its published key does not verify it")
	}
	p.tokenClaims(decoded[1])
}

func (p *probe) tokenHeader(doc []byte) (kid string) {
	var h struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}
	if err := json.Unmarshal(doc, &h, json.RejectUnknownMembers(true)); err != nil {
		p.errorf("access token: header: %v", err)
	}
	if h.Alg != "EdDSA" {
		p.errorf("access token: alg %q, want EdDSA", h.Alg)
	}
	return h.Kid
}

func (p *probe) tokenClaims(doc []byte) {
	for _, b := range doc {
		if b >= 0x80 {
			p.errorf("access token: claims beyond ASCII: %q", doc)
			break
		}
	}
	var c struct {
		Sub   string `json:"sub"`
		Email string `json:"email"`
		Role  string `json:"role"`
		Sid   string `json:"sid"`
		Iss   string `json:"iss"`
		Aud   string `json:"aud"`
		Iat   int64  `json:"iat"`
		Exp   int64  `json:"exp"`

		Tier          *string `json:"tier"`
		EmailVerified *bool   `json:"email_verified"`
	}
	if err := json.Unmarshal(doc, &c, json.RejectUnknownMembers(true)); err != nil {
		p.errorf("access token: claims: %v", err)
		return
	}
	if slices.Contains([]string{c.Sub, c.Email, c.Sid, c.Iss, c.Aud}, "") {
		p.errorf("access token: an empty claim in %s", doc)
	}
	switch newer := p.generation == wire.Generation2026; {
	case !newer && (c.Tier != nil || c.EmailVerified != nil):
		p.errorf("access token: a claim of 2026 in %s", doc)
	case newer && (c.EmailVerified == nil || c.Tier == nil || !slices.Contains(tiers, *c.Tier)):
		p.errorf("access token: want email_verified, and tier one of %q, in %s", tiers, doc)
	}
	if !slices.Contains([]string{"user", "admin", "service"}, c.Role) {
		p.errorf("access token: role %q, want user, admin or service", c.Role)
	}
	if c.Iat <= 0 || c.Exp <= c.Iat {
		p.errorf("access token: iat %d and exp %d, want the one before the other", c.Iat, c.Exp)
	}
}
