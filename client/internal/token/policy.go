package token

import (
	"slices"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
)

var errLifetime = fault.New(fault.ErrClaims, "exp is too far away")

// Policy is what a token must be beside well signed. All fields are set: the
// defaults are package client's business.
type Policy struct {
	MaxBytes    int           // longest accepted token text
	Types       []string      // accepted typ; an absent one always is
	Leeway      time.Duration // clock difference allowed for exp, nbf and iat
	MaxLifetime time.Duration // longest accepted time from now to exp
	Required    []string      // claims that must be there beside iss, sub, aud and exp
}

// Check holds claims to the policy and to the audiences of their issuer. That
// the token is expired is said only of one that is good in everything else, but
// for times that contradict each other: one that ended before it was issued has
// ended.
func (p *Policy) Check(c *Claims, audiences []string, now time.Time) error {
	switch {
	case !validSubject(c.Subject):
		return errSub
	case !slices.ContainsFunc(c.Audiences, func(aud string) bool { return slices.Contains(audiences, aud) }):
		return ErrAudience
	case c.sid != "" && c.sessionID != "" && c.sid != c.sessionID:
		return errSid
	case c.isClient():
		return errKind
	case c.Expires.Unix() <= 0: // absent, or the epoch itself
		return errExp
	case c.Expires.Sub(now)-p.Leeway > p.MaxLifetime: // in this order nothing overflows
		return errLifetime
	case c.NotBefore.After(now.Add(p.Leeway)):
		return errNbf
	case c.IssuedAt.After(now.Add(p.Leeway)):
		return errIat
	}
	if err := p.checkRequired(c); err != nil {
		return err
	}
	// "On or after" exp (RFC 7519 section 4.1.4).
	if !now.Before(c.Expires.Add(p.Leeway)) {
		return fault.ErrExpired
	}
	// Times that contradict each other do so whatever the leeway (attack 88).
	switch {
	case c.IssuedAt.After(c.Expires):
		return errIat
	case !c.NotBefore.Before(c.Expires):
		return errNbf
	}
	return nil
}

// requirable maps the names that Policy.Required may hold to whether the
// claim is missing and to the error for that.
var requirable = map[string]struct {
	missing func(*Claims) bool
	err     error
}{
	"email": {func(c *Claims) bool { return c.Email == "" }, errEmail},
	"role":  {func(c *Claims) bool { return c.Role == "" }, errRole},
	"sid":   {func(c *Claims) bool { return c.Session() == "" }, errSid},
	"iat":   {func(c *Claims) bool { return c.IssuedAt.IsZero() }, errIat},
	"nbf":   {func(c *Claims) bool { return c.NotBefore.IsZero() }, errNbf},
}

// Requirable tells whether Policy.Required may hold name.
func Requirable(name string) bool {
	_, ok := requirable[name]
	return ok
}

func (p *Policy) checkRequired(c *Claims) error {
	for _, name := range p.Required {
		if r := requirable[name]; r.missing(c) {
			return r.err
		}
	}
	return nil
}
