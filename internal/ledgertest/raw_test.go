package ledgertest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// post sends a body of JSON as the service of the app chat does, with further
// headers in pairs, and returns the status and the answer.
func (p place) post(t *testing.T, route, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+wire.CreditsPath+route, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(wire.ServiceKeyHeader, authtest.ServiceKey)
	r.Header.Set(wire.AppIDHeader, "chat")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := p.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// places are the ledgers that a service may meet in this module.
var places = map[string]func(*testing.T) place{"authserver": realPlace, "authtest": fakePlace}

// TestO17WholeNumbers sends whole numbers in other spellings than the usual one.
func TestO17WholeNumbers(t *testing.T) {
	t.Parallel()
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			for _, amount := range []string{"2.0", "2e0", "20e-1", "0.2E+1"} {
				if status, answer := p.post(t, "/use", `{"userId":"`+p.userID+`","amount":`+amount+`,"appId":"chat","description":"d"}`); status != http.StatusCreated || !strings.Contains(answer, `"amount":-2,`) {
					t.Errorf("use of %s: %d %s", amount, status, answer)
				}
			}
			status, answer := p.post(t, "/reserve", `{"userId":"`+p.userID+`","amount":5.0,"reason":"r","expiresIn":6e1}`)
			var reserved wire.CreditReserveResponse
			if err := json.Unmarshal([]byte(answer), &reserved); err != nil || status != http.StatusOK {
				t.Fatalf("reserve: %d %s: %v", status, answer, err)
			}
			if status, answer := p.post(t, "/commit", `{"reservationId":"`+reserved.ReservationID+`","amount":3.0}`); status != http.StatusOK {
				t.Errorf("commit: %d %s", status, answer)
			}
			for _, amount := range []string{"0.5", "2.5e0", `"2"`, "null", "0.0", "1e400"} {
				if status, answer := p.post(t, "/use", `{"userId":"`+p.userID+`","amount":`+amount+`,"appId":"chat","description":"d"}`); status != http.StatusBadRequest {
					t.Errorf("use of %s: %d %s", amount, status, answer)
				}
			}
		})
	}
}
