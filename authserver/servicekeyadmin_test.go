package authserver

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestServiceKeys makes, uses, rotates and revokes keys beside a running
// server.
func TestServiceKeys(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T) func(*Config){
		"sqlite":   func(*testing.T) func(*Config) { return func(*Config) {} },
		"postgres": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := change(t)
			h := serverFor(t, config)
			user := h.register("ann").ID
			admin := adminOf(h, config)
			create := func(n NewServiceKey) (ServiceKey, string) {
				t.Helper()
				key, secret, err := admin.CreateServiceKey(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				return key, secret
			}
			status := func(secret, app, operation string, body object) int {
				t.Helper()
				h.clock.Advance(servicekey.Fresh) // after which a change counts
				return h.post(wire.InternalCreditsPath+"/"+operation, body, wire.ServiceKeyHeader, secret, wire.AppIDHeader, app).status
			}
			if got := status("mana_sk_guess", "chat", "use", useBody(user, 1)); got != http.StatusUnauthorized {
				t.Errorf("before there is a key: %d", got)
			}
			first, old := create(NewServiceKey{AppID: "chat"})
			second, brief := create(NewServiceKey{AppID: "chat", Operations: []string{"use", "grant"}, Lifetime: time.Hour})
			_, foreign := create(NewServiceKey{AppID: "picture"})
			grant := object{"userId": user, "amount": 1, "reason": "r", "referenceId": "x"}
			for _, step := range []struct {
				secret, app, operation string
				body                   object
				want                   int
			}{
				{old, "chat", "use", useBody(user, 1), http.StatusCreated},
				{old, "chat", "grant", grant, http.StatusForbidden}, // has to be asked for
				{old, "picture", "use", useBody(user, 1), http.StatusUnauthorized},
				{foreign, "chat", "use", useBody(user, 1), http.StatusUnauthorized},
				{brief, "chat", "use", useBody(user, 1), http.StatusCreated}, // both at once
				{brief, "chat", "grant", grant, http.StatusOK},
				{brief, "chat", "init", object{"userId": user}, http.StatusForbidden},
				{brief + "x", "chat", "use", useBody(user, 1), http.StatusUnauthorized},
				{strings.TrimPrefix(old, servicekey.Prefix), "chat", "use", useBody(user, 1), http.StatusUnauthorized},
			} {
				if got := status(step.secret, step.app, step.operation, step.body); got != step.want {
					t.Errorf("%s as %s: %d, want %d", step.operation, step.app, got, step.want)
				}
			}
			if err := admin.RevokeServiceKey(t.Context(), first.ID); err != nil {
				t.Fatal(err)
			}
			if got := status(old, "chat", "use", useBody(user, 1)); got != http.StatusUnauthorized {
				t.Errorf("revoked: %d", got)
			}
			if got := status(brief, "chat", "use", useBody(user, 1)); got != http.StatusCreated {
				t.Errorf("the other one: %d", got)
			}
			h.clock.Advance(time.Hour)
			if got := status(brief, "chat", "use", useBody(user, 1)); got != http.StatusUnauthorized {
				t.Errorf("expired: %d", got)
			}
			if err := admin.RevokeServiceKey(t.Context(), "nothing"); !errors.Is(err, ErrServiceKeyNotFound) {
				t.Errorf("%v", err)
			}
			for _, n := range []NewServiceKey{{}, {AppID: "a b"}, {AppID: "chat", Operations: []string{"steal"}}, {AppID: "chat", Lifetime: -1}} {
				if _, _, err := admin.CreateServiceKey(t.Context(), n); err == nil {
					t.Errorf("%+v was made", n)
				}
			}
			keys, err := admin.ServiceKeys(t.Context())
			if err != nil || len(keys) != 3 {
				t.Fatalf("%+v, %v", keys, err)
			}
			i := slices.IndexFunc(keys, func(k ServiceKey) bool { return k.ID == second.ID })
			if diff := cmp.Diff(second, keys[i]); diff != "" {
				t.Errorf("listed (-made +listed):\n%s", diff)
			}
			for _, secret := range []string{old, brief, foreign} {
				if strings.Contains(h.log.String(), secret) {
					t.Error("a key is in the log")
				}
			}
		})
	}
}

// TestServiceKeysUnavailable: what can't be looked up is 503, and never a pass
// or a 401.
func TestServiceKeysUnavailable(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.exec(`DROP TABLE service_keys`)
	a := h.post(wire.InternalCreditsPath+"/use", useBody("u", 1), wire.ServiceKeyHeader, "mana_sk_x", wire.AppIDHeader, "chat")
	h.refused(a, wire.ServiceUnavailable, wire.InternalCreditsPath+"/use", web.TextUnavailable)
}
