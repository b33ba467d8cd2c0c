package authserver

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestV10SourcesAreApart: what a user's own client reports in the name of an app
// takes no idempotency key from the app, is not in the app's list unless it asks
// for it, and says who reported it.
func TestV10SourcesAreApart(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(t *testing.T) func(*Config){
		"SQLite":     func(*testing.T) func(*Config) { return func(*Config) {} },
		"PostgreSQL": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t, withServiceKey, database(t))
			user := h.register("ann").ID
			token := h.login("ann").AccessToken
			own := func(key string) wire.CreditUseResponse {
				a := h.post(wire.CreditsPath+"/use", object{"amount": 1, "appId": "chat", "description": "own", "idempotencyKey": key}, as(token)...)
				return decode[wire.CreditUseResponse](t, a, http.StatusCreated)
			}
			service := func(key string) wire.CreditUseResponse {
				a := h.post(wire.CreditsPath+"/use", object{"userId": user, "amount": 2, "appId": "chat", "description": "app", "idempotencyKey": key}, asService(nil)...)
				return decode[wire.CreditUseResponse](t, a, http.StatusCreated)
			}
			for i, pair := range [][2]wire.CreditUseResponse{{own("order-1"), service("order-1")}, {own("order-2"), service("order-2")}} {
				if pair[0].Message != "" || pair[1].Message != "" || pair[0].Transaction.ID == pair[1].Transaction.ID {
					t.Errorf("order %d: one answers for the other: %+v", i+1, pair)
				}
				if pair[0].Transaction.Source != "user" || pair[1].Transaction.Source != "service" {
					t.Errorf("order %d: sources %q and %q", i+1, pair[0].Transaction.Source, pair[1].Transaction.Source)
				}
			}
			service("order-3")
			own("order-3")
			for _, again := range []wire.CreditUseResponse{own("order-1"), service("order-1"), own("order-3"), service("order-3")} {
				if again.Message != wire.CreditReplayed {
					t.Errorf("a repetition is booked again: %+v", again)
				}
			}

			descriptions := func(path string, headers []string) (list []string) {
				for _, row := range decode[[]wire.CreditTransaction](t, h.get(path, headers...), http.StatusOK) {
					list = append(list, row.Description+" by "+row.Source)
				}
				return list
			}
			const app, user1 = "app by service", "own by user"
			for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
				for query, want := range map[string][]string{
					"":                {app, app, app},
					"?source=service": {app, app, app},
					"?source=user":    {user1, user1, user1},
					"?source=any":     {user1, app, app, user1, app, user1},
				} {
					if diff := cmp.Diff(want, descriptions(prefix+"/transactions/"+user+query, asService(nil))); diff != "" {
						t.Errorf("%q (-want +got):\n%s", query, diff)
					}
				}
				h.refused(h.get(prefix+"/transactions/"+user+"?source=nobody", asService(nil)...), wire.ValidationFailed,
					prefix+"/transactions/"+user, []string{"source must be one of the following values: service, user, any"})
			}
			all := []string{user1, app, app, user1, app, user1, "Signup bonus by system"}
			if diff := cmp.Diff(all, descriptions(wire.CreditsPath+"/transactions", as(token))); diff != "" {
				t.Errorf("the user's own list (-want +got):\n%s", diff)
			}
		})
	}
}
