package token

import (
	"strings"

	"github.com/manacore/manacore-go/client/internal/fault"
)

// RFC 8725 section 3.12: the rules for different kinds of token exclude each
// other. Mana Core's own access tokens carry none of what stands here; it
// turns away what another part of an identity stack signs with the same key.
var errKind = fault.New(fault.ErrClaims, "another kind of token")

// foreignClaims never stand in a bearer access token of a user: ID tokens
// (OpenID Connect Core 1.0 sections 2 and 3.3.2.11), security events and
// logout tokens (RFC 8417 section 2.2), DPoP proofs (RFC 9449 section 4.2)
// and tokens bound to a key that a bearer cannot prove (RFC 7800 section 3.1).
var foreignClaims = []string{"nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu", "cnf"}

func (c *Claims) readKind(r *reader, claim int) (err error) {
	if claim > claimGrantType {
		return errKind
	}
	value, err := r.text(errKind)
	if err != nil {
		return err
	}
	switch claim {
	case claimClientID:
		c.clientID = value
	case claimAzp:
		c.azp = value
	case claimTokenUse, claimTokenType, claimType, claimTyp:
		if !isAccess(value) {
			return errKind
		}
	case claimGty, claimGrantType:
		if isClientGrant(value) {
			return errKind
		}
	}
	return nil
}

func isAccess(kind string) bool {
	switch strings.ToLower(kind) {
	case "access", "access_token", "bearer", "at+jwt":
		return true
	}
	return false
}

func isClientGrant(grant string) bool {
	return strings.EqualFold(grant, "client_credentials") || strings.EqualFold(grant, "client-credentials")
}

// isClient tells a token that a client got for itself, whose sub names the
// client (RFC 9068 section 2.2, RFC 9700 section 4.15).
func (c *Claims) isClient() bool {
	return c.Subject == c.clientID || c.Subject == c.azp
}
