package middleware

import (
	"testing"

	"github.com/manacore/manacore-go/client"
)

// Contract section 7: guest < public < beta < alpha < founder. A missing tier is
// public, and a text that is no tier is the lowest.
func TestRequireTier(t *testing.T) {
	t.Parallel()
	tiers := []string{"guest", "public", "beta", "alpha", "founder"}
	for has, rank := range map[string]int{
		"guest": 0, "public": 1, "beta": 2, "alpha": 3, "founder": 4,
		"": 1, "gold": 0, "Founder": 0, "founder ": 0,
	} {
		for least, tier := range tiers {
			r := get()
			r = r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada", Role: "user", Tier: has}))
			denial := RequireTier(tier)(r)
			if (denial == nil) != (rank >= least) {
				t.Errorf("%q where %q is required: %v", has, tier, denial)
			}
			if denial != nil && (denial.Status != 403 || denial.Challenge !=
				`Bearer error="insufficient_scope", error_description="the user lacks the tier", scope="`+tier+`"`) {
				t.Errorf("%q where %q is required: %+v", has, tier, denial)
			}
		}
	}
	if denial := RequireTier("guest")(get()); denial == nil || denial.Status != 401 {
		t.Errorf("without a user: %+v", denial)
	}
	for _, bad := range []string{"", "gold", "Beta"} {
		if !panics(func() { RequireTier(bad) }) {
			t.Errorf("RequireTier(%q) does not panic", bad)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
