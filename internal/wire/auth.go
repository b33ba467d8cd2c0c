package wire

// The routes that a backend calls, below the auth server's base URL.
const (
	ValidatePath = "/api/v1/auth/validate"
	JWKSPath     = "/api/v1/auth/jwks"
	// JWKSAlias is where services of 2026 ask for the key set.
	JWKSAlias = "/api/auth/jwks"
)

// ValidateRequest is the body of POST ValidatePath.
type ValidateRequest struct {
	Token string `json:"token"`
}

// ValidateResponse is the verdict of POST ValidatePath. It comes with status
// 200 whatever the verdict is.
type ValidateResponse struct {
	Valid   bool             `json:"valid"`
	Payload *ValidatePayload `json:"payload,omitempty"`
	Error   string           `json:"error,omitempty"`
}

// ValidatePayload is what a valid token says. SessionID repeats Sid: one
// generation of guards reads the one, the next reads the other. Times are
// seconds since the Unix epoch.
type ValidatePayload struct {
	Sub       string `json:"sub"`
	Email     string `json:"email"`
	Role      string `json:"role"`
	Sid       string `json:"sid"`
	SessionID string `json:"sessionId"`
	Iss       string `json:"iss"`
	Aud       string `json:"aud"`
	Iat       int64  `json:"iat,omitzero"` // zero: the token has none
	Exp       int64  `json:"exp"`
	// Tier, one of Tiers, and EmailVerified are the user's. Zero: the server, one
	// of 2025, says nothing about it.
	Tier          string `json:"tier,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

// Tiers are the tiers of a user, the lowest first.
var Tiers = []string{"guest", DefaultTier, "beta", "alpha", "founder"}

// DefaultTier is the tier of a user of whom no tier is known.
const DefaultTier = "public"

// The texts of ValidateResponse.Error. Clients relay them and refresh only on
// certain words, so the first is exact and every other one starts with the
// second.
const (
	ValidateExpired       = `"exp" claim timestamp check failed`
	ValidateInvalidPrefix = "Invalid token: "
)

// JWKS is the document at JWKSPath, Ed25519 public keys only (RFC 7517
// section 5, RFC 8037 section 2).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is one public key of a JWKS. The order of the members is that of the
// existing service.
type JWK struct {
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use,omitempty"`
}
