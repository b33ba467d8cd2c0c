package identity

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// TestV7GraceOfAnOutage: a token that was spent shortly before the database was
// lost, or while it was, yields its successor until the grace after its return.
func TestV7GraceOfAnOutage(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	over := Outage{Lost: begin.Add(-2 * minute), Back: begin}
	long := Outage{Lost: begin.Add(-20 * minute), Back: begin}
	for name, test := range map[string]struct {
		outage     Outage
		spent, now time.Duration // from begin, which is when the database is back
		grace      time.Duration
		want       store.Verdict
	}{
		"shortly before":                 {over, -2*minute - grace, 0, grace, store.Repeated},
		"meanwhile":                      {over, -minute, 0, grace, store.Repeated},
		"until the grace after":          {over, -minute, grace, grace, store.Repeated},
		"later":                          {over, -minute, grace + 1, grace, store.Reused},
		"a theft from a minute before":   {over, -3 * minute, 0, grace, store.Reused},
		"just too early":                 {over, -2*minute - grace - 1, 0, grace, store.Reused},
		"spent after it":                 {over, 1, grace + 2, grace, store.Reused},
		"while it is away":               {Outage{Lost: over.Lost}, -minute, 0, grace, store.Repeated},
		"away for long":                  {long, -10 * minute, 0, grace, store.Repeated},
		"ten minutes after it was spent": {long, -10*minute - 1, 0, grace, store.Reused},
		"a start":                        {Outage{}, -minute, 0, grace, store.Reused},
		"without a grace":                {over, -minute, 0, -1, store.Reused},
	} {
		now := begin.Add(test.now)
		session := store.Session{ExpiresAt: now.Add(time.Hour)}
		got := judge(store.Presented{SpentAt: begin.Add(test.spent), Session: session}, now, test.grace, test.outage)
		if got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		used := store.Presented{SpentAt: begin.Add(test.spent), SuccessorSpent: true, Session: session}
		if got := judge(used, now, test.grace, test.outage); got != store.Reused {
			t.Errorf("%s, its successor used: %v", name, got)
		}
	}
}
