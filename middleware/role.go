package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/manacore/manacore-go/client"
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
	rule := newRoleRule(roles)
	return func(r *http.Request) *Denial {
		user, denial := RequireUser(r)
		if denial != nil {
			return denial
		}
		if !rule.allow(user) {
			return refusalsOf(r.Context()).refuseOwn(r, errRole, true, rule.scope)
		}
		return nil
	}
}

type roleRule struct {
	roles []string
	scope string // as the challenge lists them
}

func newRoleRule(roles []string) *roleRule {
	if len(roles) == 0 {
		panic("middleware: no role")
	}
	for _, role := range roles {
		if role == "" || strings.ContainsRune(role, ' ') || strings.IndexFunc(role, notQuotable) >= 0 {
			panic("middleware: bad role " + role)
		}
	}
	return &roleRule{slices.Clone(roles), strings.Join(roles, " ")}
}

// allow is true for a nil rule: no role is asked for.
func (rule *roleRule) allow(user client.User) bool {
	return rule == nil || slices.Contains(rule.roles, user.Role)
}
