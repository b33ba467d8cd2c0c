package authtest

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

func (i *Issuer) serveValidate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		i.deny(w, r, wire.PayloadTooLarge, "request entity too large")
		return
	}
	if err != nil {
		i.deny(w, r, wire.InvalidRequest, "request body could not be read")
		return
	}
	var fields map[string]jsontext.Value
	if err := json.Unmarshal(body, &fields); err != nil && len(body) > 0 {
		i.deny(w, r, wire.InvalidRequest, "request body is not a JSON object")
		return
	}
	token, problems := tokenField(fields["token"])
	if problems != nil {
		i.deny(w, r, wire.ValidationFailed, problems)
		return
	}
	i.write(w, http.StatusOK, i.verdict(token))
}

// tokenField takes the member of wire.ValidateRequest, which may be absent or
// null, or says what is wrong in the contract's words.
func tokenField(value jsontext.Value) (token string, problems []string) {
	if value == nil || value.Kind() == 'n' {
		return "", nil
	}
	if value.Kind() != '"' || json.Unmarshal(value, &token) != nil {
		problems = append(problems, "token must be a string")
	}
	return token, problems
}

// verdict judges a token: form, key and signature first, so that nothing is
// said about claims that nobody signed.
func (i *Issuer) verdict(token string) wire.ValidateResponse {
	payload, fault := i.authentic(token)
	if fault != "" {
		return invalid(fault)
	}
	var claims struct {
		Sub           string         `json:"sub"`
		Email         string         `json:"email"`
		Role          string         `json:"role"`
		Sid           string         `json:"sid"`
		Iss           string         `json:"iss"`
		Aud           jsontext.Value `json:"aud"`
		Iat           int64          `json:"iat"`
		Exp           *int64         `json:"exp"`
		Nbf           *int64         `json:"nbf"`
		Tier          string         `json:"tier"`
		EmailVerified bool           `json:"email_verified"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return invalid("malformed claims")
	}
	now := i.now()
	switch {
	case claims.Sub == "":
		return invalid("no sub")
	case claims.Iss != i.Name():
		return invalid("wrong issuer")
	case !contains(claims.Aud, i.Audience()):
		return invalid("wrong audience")
	case claims.Exp == nil:
		return invalid("no exp")
	case !now.Before(time.Unix(*claims.Exp, 0)):
		return wire.ValidateResponse{Error: wire.ValidateExpired}
	case claims.Nbf != nil && now.Before(time.Unix(*claims.Nbf, 0)):
		return invalid("not yet valid")
	case i.isRevoked(claims.Sid, token):
		return invalid("session revoked")
	}
	return wire.ValidateResponse{Valid: true, Payload: &wire.ValidatePayload{
		Sub: claims.Sub, Email: claims.Email, Role: claims.Role, Sid: claims.Sid, SessionID: claims.Sid,
		Iss: claims.Iss, Aud: i.Audience(), Iat: claims.Iat, Exp: *claims.Exp,
		Tier: cmp.Or(claims.Tier, DefaultTier), EmailVerified: &claims.EmailVerified,
	}}
}

func invalid(why string) wire.ValidateResponse {
	return wire.ValidateResponse{Error: wire.ValidateInvalidPrefix + why}
}

// authentic returns the payload that a published key signed, or why there is
// none.
func (i *Issuer) authentic(token string) (payload []byte, fault string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, "malformed"
	}
	var decoded [3][]byte
	for n, part := range parts {
		var err error
		if decoded[n], err = decode(part); err != nil {
			return nil, "malformed"
		}
	}
	var header struct {
		Alg  string         `json:"alg"`
		Kid  string         `json:"kid"`
		Crit jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil || header.Crit != nil {
		return nil, "malformed header"
	}
	if header.Alg != "EdDSA" {
		return nil, "wrong algorithm"
	}
	i.mu.Lock()
	k := i.find(header.Kid)
	known := k != nil && k.published
	i.mu.Unlock()
	if !known {
		return nil, "unknown key"
	}
	if !ed25519.Verify(k.public(), []byte(parts[0]+"."+parts[1]), decoded[2]) {
		return nil, "signature verification failed"
	}
	return decoded[1], ""
}

// decode takes canonical base64url only. The decoder of encoding/base64 skips
// line ends even when it is strict.
func decode(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// contains tells whether aud, a string or an array of strings, names want.
func contains(aud jsontext.Value, want string) bool {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return one == want
	}
	var several []string
	return json.Unmarshal(aud, &several) == nil && slices.Contains(several, want)
}

// Revoke ends a session: /validate refuses its tokens from now on. It takes a
// session id or any token of the session; of a token without one it refuses
// just that token. Local verification sees it in the feed of an issuer made
// WithRevocations, and otherwise not before the token's end.
func (i *Issuer) Revoke(sidOrToken string) {
	ended := cmp.Or(sessionOf(sidOrToken), sidOrToken)
	i.mu.Lock()
	i.revoked[ended] = true
	i.mu.Unlock()
	i.feed.add(i.ended(ended))
}

func (i *Issuer) isRevoked(sid, token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.revoked[token] || sid != "" && i.revoked[sid]
}

// sessionOf reads the sid of a token; empty where text is no token or has none.
func sessionOf(text string) string {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := decode(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Sid string `json:"sid"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Sid
}
