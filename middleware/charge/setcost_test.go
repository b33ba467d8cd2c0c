package charge_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware/charge"
)

// Outside of a charge there is nothing to report to, and a handler that was put
// in front of its charge must not run for free without a word.
func TestS07SetCostOutsideOfACharge(t *testing.T) {
	t.Parallel()
	if err := charge.SetCost(t.Context(), 7); !errors.Is(err, charge.ErrNotCharged) {
		t.Errorf("error %v, want ErrNotCharged", err)
	}
	if reserved, ok := charge.Reserved(t.Context()); reserved != 0 || ok {
		t.Errorf("%d reserved, %v", reserved, ok)
	}
	user := client.WithUser(t.Context(), client.User{ID: "ada"})
	guard := charge.New(&expiring{}, "op", charge.Fixed(10), charge.Config{})
	if _, denial := guard.Admit(httptest.NewRequestWithContext(user, "GET", "/", nil)); denial != nil {
		t.Fatal(denial.Err)
	}
	if err := charge.SetCost(user, 7); !errors.Is(err, charge.ErrNotCharged) {
		t.Errorf("error %v with a context from before the charge, want ErrNotCharged", err)
	}
}
