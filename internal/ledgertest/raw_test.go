package ledgertest

import (
	"io"
	"net/http"
	"slices"
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
	if !slices.Contains(headers, wire.AppIDHeader) {
		r.Header.Set(wire.AppIDHeader, "chat")
	}
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

// TestO16IdempotencyKey: an empty key is refused, a header counts as the
// property, and two that differ are refused. Nothing that is accepted is
// dropped.
func TestO16IdempotencyKey(t *testing.T) {
	t.Parallel()
	const header = wire.IdempotencyKeyHeader
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			bodies := map[string]string{
				"/use":     `{"userId":"` + p.userID + `","amount":2,"appId":"chat","description":"d"`,
				"/refund":  `{"userId":"` + p.userID + `","amount":1,"appId":"chat","description":"d"`,
				"/reserve": `{"userId":"` + p.userID + `","amount":2,"reason":"r"`,
			}
			// Something to give back.
			if status, answer := p.post(t, "/use", bodies["/use"]+`}`); status != http.StatusCreated {
				t.Fatalf("use: %d %s", status, answer)
			}
			for route, body := range bodies {
				before := p.transactions(t)
				for what, c := range map[string]struct {
					field   string
					headers []string
				}{
					"empty":                  {`,"idempotencyKey":""`, nil},
					"empty header":           {"", []string{header, ""}},
					"empty beside a header":  {`,"idempotencyKey":""`, []string{header, "k"}},
					"header beside an empty": {`,"idempotencyKey":"k"`, []string{header, ""}},
					"both, different":        {`,"idempotencyKey":"k"`, []string{header, "l"}},
					"two headers":            {"", []string{header, "k", header, "k"}},
					"long header":            {"", []string{header, strings.Repeat("k", 256)}},
					"latin-1 header":         {"", []string{header, "k\xff"}},
				} {
					if status, answer := p.post(t, route, body+c.field+`}`, c.headers...); status != http.StatusBadRequest {
						t.Errorf("%s %s: %d %s", route, what, status, answer)
					}
				}
				if after := p.transactions(t); after != before {
					t.Errorf("%s: refused requests left %d transactions, there were %d", route, after, before)
				}
				var answers []string
				for _, try := range []struct {
					field   string
					headers []string
				}{
					{"", []string{header, "key of " + route}},
					{"", []string{header, "key of " + route}},
					{`,"idempotencyKey":"key of ` + route + `"`, nil},
					{`,"idempotencyKey":null`, []string{header, "key of " + route}},
					{`,"idempotencyKey":"key of ` + route + `"`, []string{header, "key of " + route}},
				} {
					status, answer := p.post(t, route, body+try.field+`}`, try.headers...)
					if status >= http.StatusBadRequest {
						t.Errorf("%s %q %q: %d %s", route, try.field, try.headers, status, answer)
					}
					answers = append(answers, idOf(t, answer))
				}
				for _, id := range answers {
					if id != answers[0] || id == "" {
						t.Errorf("%s: the same key has several results: %q", route, answers)
						break
					}
				}
			}
		})
	}
}

// idOf is the id of what an operation made.
func idOf(t *testing.T, answer string) string {
	t.Helper()
	var made struct {
		Transaction   struct{ ID string } `json:"transaction"`
		ReservationID string              `json:"reservationId"`
	}
	if err := json.Unmarshal([]byte(answer), &made, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return made.Transaction.ID + made.ReservationID
}

func (p place) transactions(t *testing.T) int {
	t.Helper()
	n := 0
	for _, err := range p.ledger.Transactions(t.Context(), p.userID) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestAppOfTheSingleKey: without X-App-Id the app is that of the body, or
// unknown.
func TestAppOfTheSingleKey(t *testing.T) {
	t.Parallel()
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			const header = wire.AppIDHeader
			for what, c := range map[string]struct {
				app    string // in the body
				header string
				want   string // empty: 403
			}{
				"of the header":          {"", "picture", "picture"},
				"of the body":            {`,"appId":"picture"`, "", "picture"},
				"of both":                {`,"appId":"picture"`, "picture", "picture"},
				"of nobody":              {"", "", "unknown"},
				"empty":                  {`,"appId":""`, "", "unknown"},
				"empty beside a header":  {`,"appId":""`, "picture", "picture"},
				"another than the key's": {`,"appId":"chat"`, "picture", ""},
			} {
				status, answer := p.post(t, "/use", `{"userId":"`+p.userID+`","amount":1,"description":"d"`+c.app+`}`, header, c.header)
				if c.want == "" {
					if status != http.StatusForbidden {
						t.Errorf("%s: %d %s", what, status, answer)
					}
					continue
				}
				if status != http.StatusCreated || !strings.Contains(answer, `"appId":"`+c.want+`"`) {
					t.Errorf("%s: %d %s, want the app %s", what, status, answer, c.want)
				}
			}
			status, used := p.post(t, "/use", `{"userId":"`+p.userID+`","amount":1,"description":"d"}`, header, "")
			if status != http.StatusCreated {
				t.Fatalf("use: %d %s", status, used)
			}
			refund := `{"userId":"` + p.userID + `","amount":1,"description":"d"`
			if status, answer := p.post(t, "/refund", refund+`}`, header, ""); status != http.StatusBadRequest || !strings.Contains(answer, "transactionId") {
				t.Errorf("a refund by nobody of nothing: %d %s", status, answer)
			}
			if status, answer := p.post(t, "/refund", refund+`,"transactionId":"`+idOf(t, used)+`"}`, header, ""); status != http.StatusCreated {
				t.Errorf("a refund of a transaction: %d %s", status, answer)
			}
		})
	}
}
