package token

import (
	"cmp"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/manacore/manacore-go/client/internal/fault"
)

// ErrIssuer is for an iss that is missing, of the wrong type or not accepted.
var ErrIssuer = fault.New(fault.ErrClaims, "iss")

// ErrAudience is for an aud that is missing, of the wrong type or holds none
// of those that are accepted.
var ErrAudience = fault.New(fault.ErrClaims, "aud")

var (
	errPayload  = fault.New(fault.ErrMalformed, "payload")
	errSub      = fault.New(fault.ErrClaims, "sub")
	errExp      = fault.New(fault.ErrClaims, "exp")
	errNbf      = fault.New(fault.ErrClaims, "nbf")
	errIat      = fault.New(fault.ErrClaims, "iat")
	errEmail    = fault.New(fault.ErrClaims, "email")
	errRole     = fault.New(fault.ErrClaims, "role")
	errSid      = fault.New(fault.ErrClaims, "sid")
	errTier     = fault.New(fault.ErrClaims, "tier")
	errVerified = fault.New(fault.ErrClaims, "email_verified")
	errJti      = fault.New(fault.ErrClaims, "jti")
)

const (
	claimIss = iota
	claimSub
	claimAud
	claimExp
	claimNbf
	claimIat
	claimEmail
	claimRole
	claimSid
	claimSessionID
	claimTier
	claimEmailVerified
	claimJti
	claimClientID
	claimAzp
	claimTokenUse
	claimTokenType
	claimType
	claimTyp
	claimGty
	claimGrantType
)

// claimNames are the claims that are read; those behind grant_type belong to
// other kinds of token, see kind.go.
var claimNames = append([]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "email", "role", "sid", "sessionId", "tier", "email_verified", "jti",
	"client_id", "azp", "token_use", "token_type", "type", "typ", "gty", "grant_type",
}, foreignClaims...)

// Claims is what a token or the auth server's answer says. The times are zero
// where the claim is absent.
type Claims struct {
	Issuer        string
	Subject       string
	Email         string
	Role          string
	Tier          string
	Audiences     []string
	Expires       time.Time
	NotBefore     time.Time
	IssuedAt      time.Time
	EmailVerified bool

	sid, sessionID string
	clientID, azp  string
}

// ReadClaims decodes a claims set. Types are held to; values are Policy's
// business.
func ReadClaims(payload []byte) (*Claims, error) {
	c := new(Claims)
	if err := new(reader).read(payload, string(payload), c); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Claims) names() []string { return claimNames }
func (c *Claims) refusal() error  { return errPayload }

func (c *Claims) member(r *reader, i int) (err error) {
	if r.PeekKind() == 'n' && nullable(i) {
		_, err = r.ReadToken()
		return err
	}
	switch i {
	case claimIss:
		c.Issuer, err = r.text(ErrIssuer)
	case claimSub:
		c.Subject, err = r.text(errSub)
	case claimAud:
		c.Audiences, err = r.audiences()
	case claimExp:
		c.Expires, err = r.numericDate(errExp)
	case claimNbf:
		c.NotBefore, err = r.numericDate(errNbf)
	case claimIat:
		c.IssuedAt, err = r.numericDate(errIat)
	case claimEmail:
		c.Email, err = r.text(errEmail)
	case claimRole:
		c.Role, err = r.text(errRole)
	case claimSid:
		c.sid, err = r.text(errSid)
	case claimSessionID:
		c.sessionID, err = r.text(errSid)
	case claimTier:
		c.Tier, err = r.text(errTier)
	case claimEmailVerified:
		c.EmailVerified, err = r.flag(errVerified)
	case claimJti:
		_, err = r.text(errJti) // RFC 7519 section 4.1.7
	default:
		err = c.readKind(r, i)
	}
	return err
}

// nullable tells the claims of which null says that they are absent, as some
// issuers write it. Whether one that is absent is missed is Policy's business.
// What every token must have is none of them, nor is nbf, whose null could mean
// that the token is not to be used yet (attack 86).
func nullable(claim int) bool {
	switch claim {
	case claimIss, claimSub, claimAud, claimExp, claimNbf:
		return false
	}
	return true
}

// Session is the id of the session: sid, or sessionId, the other name under
// which the auth server's answer carries it. Policy.Check holds the two to be
// the same.
func (c *Claims) Session() string { return cmp.Or(c.sid, c.sessionID) }

// flag reads true or false.
func (r *reader) flag(refusal error) (bool, error) {
	tok, err := r.ReadToken()
	if err != nil {
		return false, err
	}
	if kind := tok.Kind(); kind != 't' && kind != 'f' {
		return false, refusal
	}
	return tok.Bool(), nil
}

// audiences reads aud: one string or an array of nothing but strings
// (RFC 7519 section 4.1.3).
func (r *reader) audiences() ([]string, error) {
	if r.PeekKind() != '[' {
		aud, err := r.text(ErrAudience)
		return []string{aud}, err
	}
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	var all []string
	for r.PeekKind() != ']' {
		aud, err := r.text(ErrAudience)
		if err != nil {
			return nil, err
		}
		all = append(all, aud)
	}
	_, err := r.ReadToken()
	return all, err
}

// maxDate is the end of the year 9999, in seconds since the epoch.
const maxDate = 253402300799

// numericDate reads a NumericDate: a number, fractions allowed (RFC 7519
// section 2), from the epoch to the year 9999. Minus nought is negative: some
// read it as no number of seconds.
func (r *reader) numericDate(refusal error) (time.Time, error) {
	tok, err := r.ReadToken()
	if err != nil {
		return time.Time{}, err
	}
	if tok.Kind() != '0' {
		return time.Time{}, refusal
	}
	seconds, err := tok.Float()
	if err != nil || math.Signbit(seconds) || seconds > maxDate {
		return time.Time{}, refusal
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

// validSubject refuses a subject that is empty or that looks like another one:
// by white space around it, or by characters that nobody sees.
func validSubject(sub string) bool {
	return sub != "" && strings.TrimSpace(sub) == sub &&
		!strings.ContainsFunc(sub, func(r rune) bool { return unicode.Is(unicode.Cf, r) })
}
