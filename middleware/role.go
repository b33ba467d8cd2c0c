package middleware

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
)

// RequireUser returns the user whom a guard put into r's context, or the
// denial to answer with: 401 when there is none, because the route is public,
// optional or not guarded at all.
func RequireUser(r *http.Request) (client.User, *Denial) {
	user, ok := client.CurrentUser(r.Context())
	if !ok || user.ID == "" {
		return client.User{}, refusalsOf(r.Context()).refuseOwn(r, errNoUser, false, "")
	}
	return user, nil
}

// RequireRole returns a check for one route inside a guard: nil when the user
// in the request's context has one of roles, else the denial to answer with,
// 401 without a user and 403 without the role. It panics as Roles does.
func RequireRole(roles ...string) func(*http.Request) *Denial {
	return newRoleRule(roles).check
}

// RequireTier returns a check for one route inside a guard: nil when the user
// in the request's context has the tier or a higher one, else the denial to
// answer with, 401 without a user and 403 below the tier. The tiers are, the
// lowest first, "guest", "public", "beta", "alpha" and "founder". A user without
// a tier has "public", and one with another text "guest". It panics on a tier
// that is none of these.
//
// An auth server of 2025 says the tier in remote mode alone.
func RequireTier(tier string) func(*http.Request) *Denial {
	least := slices.Index(wire.Tiers, tier)
	if least < 0 {
		panic("middleware: bad tier " + strconv.Quote(tier) + ": it has to be one of " + strings.Join(wire.Tiers, ", "))
	}
	rule := &rule{refusal: errTier, scope: tier, allows: func(user client.User) bool {
		return max(0, slices.Index(wire.Tiers, cmp.Or(user.Tier, wire.DefaultTier))) >= least
	}}
	return rule.check
}

// rule is what a user has to be.
type rule struct {
	allows  func(user client.User) bool
	refusal error
	scope   string // as the challenge lists it
}

func newRoleRule(roles []string) *rule {
	if len(roles) == 0 {
		panic("middleware: no role")
	}
	for _, role := range roles {
		if role == "" || strings.ContainsRune(role, ' ') || strings.IndexFunc(role, notQuotable) >= 0 {
			panic("middleware: bad role " + role)
		}
	}
	roles = slices.Clone(roles)
	return &rule{refusal: errRole, scope: strings.Join(roles, " "), allows: func(user client.User) bool {
		return slices.Contains(roles, user.Role)
	}}
}

// check holds the user in a request's context to the rule.
func (rule *rule) check(r *http.Request) *Denial {
	user, denial := RequireUser(r)
	if denial != nil {
		return denial
	}
	return rule.refuse(refusalsOf(r.Context()), r, user, true)
}

// refuse is the denial for a user who is not what the rule says. A nil rule
// asks for nothing.
func (rule *rule) refuse(as *refusals, r *http.Request, user client.User, sent bool) *Denial {
	if rule == nil || rule.allows(user) {
		return nil
	}
	return as.refuseOwn(r, rule.refusal, sent, rule.scope)
}
