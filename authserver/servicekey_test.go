package authserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestV9SingleKey: the single key grants only where the configuration says so,
// and the refusal names what to set.
func TestV9SingleKey(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Credits.ServiceKey = testServiceKey })
	user := h.register("ann").ID
	path := wire.InternalCreditsPath + "/grant"
	h.unchanged(func() {
		h.refused(h.post(path, object{"userId": user, "amount": 50, "reason": "r", "referenceId": "p1"}, asService(nil)...),
			wire.Forbidden, path, "The service key does not allow grant: MANA_CORE_SERVICE_KEY_OPERATIONS says what it allows")
	})
	if a := h.post(wire.InternalCreditsPath+"/use", useBody(user, 1), asService(nil)...); a.status != http.StatusCreated {
		t.Errorf("use: %d %s", a.status, a.body)
	}
	granting := serverFor(t, func(c *Config) {
		c.Credits.ServiceKey, c.Credits.ServiceKeyOperations = testServiceKey, []string{"grant"}
	})
	user = granting.register("ann").ID
	if a := granting.post(path, object{"userId": user, "amount": 50, "reason": "r", "referenceId": "p1"}, asService(nil)...); a.status != http.StatusOK {
		t.Errorf("grant: %d %s", a.status, a.body)
	}
}

// TestAppFollowsFromTheKey: a key of an app needs no X-App-Id, and another one is
// refused with a line in the log that names both. Who names no app with the
// single key is warned of once.
func TestAppFollowsFromTheKey(t *testing.T) {
	t.Parallel()
	h := serverFor(t, withServiceKey)
	user := h.register("ann").ID
	_, key, err := adminOf(h).CreateServiceKey(t.Context(), NewServiceKey{AppID: "picture"})
	if err != nil {
		t.Fatal(err)
	}
	path := wire.InternalCreditsPath + "/use"
	body := object{"userId": user, "amount": 1, "description": "words"}
	for name, headers := range map[string][]string{
		"none":  {wire.ServiceKeyHeader, key},
		"empty": {wire.ServiceKeyHeader, key, wire.AppIDHeader, ""},
		"its":   {wire.ServiceKeyHeader, key, wire.AppIDHeader, "picture"},
	} {
		got := decode[wire.CreditUseResponse](t, h.post(path, body, headers...), http.StatusCreated)
		if got.Transaction.AppID != "picture" {
			t.Errorf("%s: booked to %s", name, got.Transaction.AppID)
		}
	}
	h.refused(h.post(path, body, wire.ServiceKeyHeader, key, wire.AppIDHeader, "chat"), wire.Unauthorized, path, "Invalid service key")
	if log := h.log.String(); !strings.Contains(log, "key_app=picture") || !strings.Contains(log, "named_app=chat") || strings.Contains(log, key) {
		t.Error("the log does not name both apps, or it shows the key")
	}
	for range 2 {
		h.post(path, body, wire.ServiceKeyHeader, testServiceKey)
	}
	if got := strings.Count(h.log.String(), "a service named no app"); got != 1 {
		t.Errorf("%d warnings of services that name no app, want 1", got)
	}
}
