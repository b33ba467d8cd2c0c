package authserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestV1Validate: whatever a stranger sends, a validation with a small good
// body has its verdict, and large and bad bodies are 503 with Retry-After once
// their budget is spent. Credit routes take 32 KiB.
func TestV1Validate(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) {
		c.HTTP.RateLimitsDisabled = false
		c.HTTP.RateLimits.Heavy = Limit{Requests: 5, Per: 1 << 40}
		c.Credits.ServiceKey = testServiceKey
	})
	h.register("ann")
	token := h.login("ann").AccessToken
	var many strings.Builder
	for i := 0; many.Len() < 100<<10-20; i++ {
		fmt.Fprintf(&many, `"%d":1,`, i)
	}
	members := `{` + many.String() + `"token":"x"}`
	for i := range 8 {
		a := h.post(wire.ValidatePath, members)
		if want := map[bool]int{true: http.StatusBadRequest, false: http.StatusServiceUnavailable}[i < 5]; a.status != want || (want == 503) != (a.header.Get("Retry-After") != "") {
			t.Errorf("request %d: %d %s, want %d", i, a.status, a.body, want)
		}
		h.valid(token, "")
	}
	if a := h.post(wire.ValidatePath, object{"token": strings.Repeat("x", 16<<10)}); a.status != http.StatusServiceUnavailable {
		t.Errorf("a large body: %d", a.status)
	}
	for range 300 {
		h.valid(token, "")
	}
	large := `{"metadata":{"a":"` + strings.Repeat("x", 32<<10) + `"}}`
	for _, operation := range []string{"use", "refund", "init", "reserve", "commit", "refund-reservation"} {
		h.refused(h.service(operation, large), wire.PayloadTooLarge, wire.InternalCreditsPath+"/"+operation, "request entity too large")
	}
}
