package authserver

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

// The tests of this file are named for the lines of the catalogue of what was
// wrong with the existing credit service. Those about the rules are in package
// storetest as well, where they run on both databases.

// spender is a server with a user, who has 150 free credits.
func spender(t *testing.T, change ...func(*Config)) (h *harness, userID, token string) {
	t.Helper()
	h = serverFor(t, append(change, withServiceKey)...)
	h.register("ann")
	tokens := h.login("ann")
	return h, tokens.User.ID, tokens.AccessToken
}

// atOnce sends a request so many times at once and counts the answers by their
// status. All good ones are returned.
func (h *harness) atOnce(n int, operation, body string) (statuses map[int]int, good []string) {
	h.Helper()
	var (
		all  sync.WaitGroup
		lock sync.Mutex
	)
	statuses = map[int]int{}
	for range n {
		all.Go(func() {
			a, err := h.try("POST", wire.InternalCreditsPath+"/"+operation, body, asService([]string{"Content-Type", "application/json"})...)
			if err != nil {
				h.Error(err)
				return
			}
			lock.Lock()
			defer lock.Unlock()
			statuses[a.status]++
			if a.status < 300 {
				good = append(good, a.body)
			}
		})
	}
	all.Wait()
	return statuses, good
}

// Routes that the client called and that did not exist or refused it.
func TestFlaw14To17RoutesExist(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
		for _, operation := range []string{"use", "refund", "grant", "init", "reserve", "commit", "refund-reservation"} {
			if a := h.post(prefix+"/"+operation, `{}`, asService(nil)...); a.status != http.StatusBadRequest {
				t.Errorf("%s/%s: %d %s", prefix, operation, a.status, a.body)
			}
		}
		if a := h.get(prefix+"/balance/"+user, asService(nil)...); a.status != http.StatusOK {
			t.Errorf("%s/balance: %d %s", prefix, a.status, a.body)
		}
	}
}

func TestFlaw18ParallelRetriesGetTheAnswer(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	statuses, answers := h.atOnce(100, "use", `{"userId":"`+user+`","amount":7,"appId":"chat","description":"d","idempotencyKey":"k"}`)
	ids := map[string]bool{}
	for _, body := range answers {
		var got wire.CreditUseResponse
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		ids[got.Transaction.ID] = true
	}
	if statuses[http.StatusCreated] != 100 || len(ids) != 1 || h.credits(token).TotalSpent != 7 {
		t.Errorf("%v, %d transactions, %+v", statuses, len(ids), h.credits(token))
	}
}

func TestFlaw19KeysBelongToTheirUser(t *testing.T) {
	t.Parallel()
	h, ann, _ := spender(t)
	bob := h.register("bob").ID
	ids := map[string]bool{}
	for _, user := range []string{ann, bob} {
		body := useBody(user, 5)
		body["idempotencyKey"] = "same"
		got := decode[wire.CreditUseResponse](t, h.service("use", body), http.StatusCreated)
		if got.Transaction.UserID != user || got.Message != "" {
			t.Errorf("%s got %+v", user, got)
		}
		ids[got.Transaction.ID] = true
	}
	if len(ids) != 2 {
		t.Error("one transaction for two users")
	}
}

func TestFlaw20AnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	body := useBody(user, 5)
	body["idempotencyKey"] = "k"
	h.service("use", body)
	for field, value := range map[string]any{"amount": 6, "description": "other", "metadata": object{"a": 1}} {
		before := body[field]
		body[field] = value
		h.unchanged(func() {
			h.refused(h.service("use", body), wire.IdempotencyKeyReused, wire.InternalCreditsPath+"/use", "Idempotency key was already used for another request")
		})
		if body[field] = before; before == nil {
			delete(body, field)
		}
	}
}

func TestFlaw21DailyCreditsOnceAndNothingRestored(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	h.service("use", useBody(user, 150))
	h.clock.Advance(24 * time.Hour)
	statuses, _ := h.atOnce(50, "use", `{"userId":"`+user+`","amount":1,"appId":"chat","description":"d"}`)
	if statuses[http.StatusCreated] != 5 || statuses[http.StatusPaymentRequired] != 45 {
		t.Errorf("%v of 5 daily credits", statuses)
	}
}

func TestFlaw22DaysAreOfUTCAndCapped(t *testing.T) {
	t.Parallel()
	h, _, _ := spender(t, func(c *Config) { c.Credits.DailyCap = 158 })
	user := h.register("bob").ID
	touch := func() int64 {
		return decode[wire.CreditBalance](t, h.get(wire.CreditsPath+"/balance/"+user, asService(nil)...), http.StatusOK).FreeCreditsRemaining
	}
	midnight := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		at   time.Time
		want int64
	}{
		{begin, 150}, {midnight.Add(-time.Millisecond), 150}, {midnight, 155}, {midnight.Add(23 * time.Hour), 155},
		{midnight.AddDate(0, 0, 5), 158}, {midnight.AddDate(0, 0, 6), 158},
	} {
		h.clock.Advance(step.at.Sub(h.clock.Now()))
		if got := touch(); got != step.want {
			t.Errorf("at %v: %d, want %d", step.at, got, step.want)
		}
	}
}

func TestFlaw23FirstBalanceAndItsBonus(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	if statuses, _ := h.atOnce(100, "init", `{"userId":"`+user+`"}`); statuses[http.StatusOK] != 100 {
		t.Errorf("%v", statuses)
	}
	list := decode[[]wire.CreditTransaction](t, h.get(wire.CreditsPath+"/transactions", as(token)...), http.StatusOK)
	if len(list) != 1 || list[0].Type != "bonus" || list[0].Amount != 150 || list[0].BalanceBefore != 0 || list[0].BalanceAfter != 150 {
		t.Errorf("%+v", list)
	}
}

func TestFlaw24UseBeforeAnyRead(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	decode[wire.CreditUseResponse](t, h.service("use", useBody(user, 1)), http.StatusCreated)
}

// A version check that cannot fail: here two servers cannot overwrite each
// other.
func TestFlaw25TwoServersCannotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	other := serverFor(t, withServiceKey, func(c *Config) { c.Database.SQLitePath = h.path })
	var all sync.WaitGroup
	for _, server := range []*harness{h, other} {
		all.Go(func() {
			server.atOnce(40, "use", `{"userId":"`+user+`","amount":1,"appId":"chat","description":"d"}`)
		})
	}
	all.Wait()
	if got := h.credits(token); got.TotalSpent != 80 || got.FreeCreditsRemaining != 70 {
		t.Errorf("%+v", got)
	}
}

func TestFlaw26WideColumnsAndChecks(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	decode[wire.CreditGrantResponse](t, h.service("grant", object{"userId": user, "amount": int64(1) << 40, "reason": "r", "referenceId": "x"}), http.StatusOK)
	for _, change := range []string{"paid = -1", "free = -1", "spent = spent + 1", "held_free = 1"} {
		if _, err := h.database().ExecContext(t.Context(), `UPDATE credit_accounts SET `+change); err == nil {
			t.Errorf("%s was possible", change)
		}
	}
}

func TestFlaw27LedgerOutlivesTheUser(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	h.service("use", useBody(user, 10))
	h.exec(`DELETE FROM users WHERE id = ?`, user)
	got := decode[wire.CreditBalance](t, h.get(wire.CreditsPath+"/balance/"+user, asService(nil)...), http.StatusOK)
	if got.TotalSpent != 10 || got.FreeCreditsRemaining != 140 {
		t.Errorf("%+v", got)
	}
	h.refused(h.service("use", useBody(user, 1)), wire.NotFound, wire.InternalCreditsPath+"/use", "User not found")
}

// A user's own report takes from that user alone, is marked, and is nothing
// that an app could refund unnamed.
func TestFlaw28UsersReportsAreMarked(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	decode[wire.CreditUseResponse](t, h.post(wire.CreditsPath+"/use", object{"amount": 5, "appId": "chat", "description": "d"}, as(token)...), http.StatusCreated)
	var source string
	if err := h.database().QueryRowContext(t.Context(), `SELECT source FROM credit_transactions WHERE user_id = ? AND type = 'usage'`, user).Scan(&source); err != nil || source != "user" {
		t.Errorf("source %q, %v", source, err)
	}
	h.refused(h.service("refund", useBody(user, 5)), wire.Conflict, wire.InternalCreditsPath+"/refund", "Refund exceeds what is left of the transaction")
}

// Organizations have no pools yet, and so no route that could give one away.
func TestFlaw29To31NoOrganizationRoutes(t *testing.T) {
	t.Parallel()
	h, _, token := spender(t)
	for _, path := range []string{"/organization/allocate", "/organization/x/use"} {
		if a := h.post(wire.CreditsPath+path, `{}`, as(token)...); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := h.get(wire.CreditsPath+"/organization/x/balance", as(token)...); a.status != http.StatusNotFound {
		t.Errorf("balance: %d", a.status)
	}
}

func TestFlaw33PagesAreBounded(t *testing.T) {
	t.Parallel()
	h, _, token := spender(t)
	for _, query := range []string{"limit=201", "limit=-1", "offset=-1", "offset=9999999999999"} {
		if a := h.get(wire.CreditsPath+"/transactions?"+query, as(token)...); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

func TestFlaw34TextsAreBounded(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	for field, value := range map[string]any{"description": strings.Repeat("d", 501), "metadata": object{"a": strings.Repeat("m", 4096)}} {
		body := useBody(user, 1)
		body[field] = value
		h.unchanged(func() {
			if a := h.service("use", body); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d", field, a.status)
			}
		})
	}
}

func TestFlaw35OneUsageRowADay(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	for range 2 {
		for range 10 {
			h.service("use", useBody(user, 2))
		}
		h.clock.Advance(24 * time.Hour)
	}
	if n := h.rows()["credit_usage"]; n != 2 {
		t.Errorf("%d rows", n)
	}
}

func TestFlaw45FractionsAreRefused(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	h.refused(h.service("use", `{"userId":"`+user+`","amount":0.5,"appId":"chat","description":"d"}`), wire.ValidationFailed,
		wire.InternalCreditsPath+"/use", []string{"amount must be an integer number"})
}

func TestFlaw46RefundsAreBoundToAUsage(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	used := decode[wire.CreditUseResponse](t, h.service("use", useBody(user, 10)), http.StatusCreated)
	statuses, _ := h.atOnce(30, "refund", `{"userId":"`+user+`","amount":4,"appId":"chat","description":"d","transactionId":"`+used.Transaction.ID+`"}`)
	if statuses[http.StatusCreated] != 2 || statuses[http.StatusConflict] != 28 {
		t.Errorf("%v", statuses)
	}
	// Without naming one, never more than was taken either.
	statuses, _ = h.atOnce(30, "refund", `{"userId":"`+user+`","amount":1,"appId":"chat","description":"d"}`)
	if statuses[http.StatusCreated] != 2 || h.credits(token).FreeCreditsRemaining != 150 {
		t.Errorf("%v, %+v", statuses, h.credits(token))
	}
}

func TestFlaw47GrantsOnceInARace(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	statuses, _ := h.atOnce(50, "grant", `{"userId":"`+user+`","amount":4,"reason":"r","referenceId":"x"}`)
	if statuses[http.StatusOK] != 50 || h.credits(token).Balance != 4 {
		t.Errorf("%v, %+v", statuses, h.credits(token))
	}
}

func TestFlaw48ReservationsExpire(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	held := decode[wire.CreditReserveResponse](t, h.service("reserve", object{"userId": user, "amount": 100, "reason": "r", "expiresIn": 60}), http.StatusOK)
	if got := h.credits(token).FreeCreditsRemaining; got != 50 {
		t.Errorf("%d while it is held", got)
	}
	h.clock.Advance(time.Minute)
	if got := h.credits(token).FreeCreditsRemaining; got != 150 {
		t.Errorf("%d after its expiry", got)
	}
	h.refused(h.service("commit", object{"reservationId": held.ReservationID}), wire.Conflict, wire.InternalCreditsPath+"/commit", "Reservation expired")
	list := decode[[]wire.CreditTransaction](t, h.get(wire.CreditsPath+"/transactions", as(token)...), http.StatusOK)
	if len(list) != 1 { // what was never spent is in no history
		t.Errorf("%+v", list)
	}
}

// One key for all apps: see TestServiceKeys, and TestCreditsCredentials for
// the app that a request names itself.
func TestFlaw49KeysOfOneApp(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	_, secret, err := adminOf(h).CreateServiceKey(t.Context(), NewServiceKey{AppID: "picture"})
	if err != nil {
		t.Fatal(err)
	}
	if a := h.post(wire.InternalCreditsPath+"/use", useBody(user, 1), wire.ServiceKeyHeader, secret, wire.AppIDHeader, "chat"); a.status != http.StatusUnauthorized {
		t.Errorf("%d", a.status)
	}
}

func TestFlaw50TwoWebhooksCreditOnce(t *testing.T) {
	t.Parallel()
	h, user, token := spender(t)
	other := serverFor(t, withServiceKey, func(c *Config) { c.Database.SQLitePath = h.path })
	var (
		all     sync.WaitGroup
		granted atomic.Int64
	)
	for _, server := range []*harness{h, other} {
		all.Go(func() {
			_, good := server.atOnce(1, "grant", `{"userId":"`+user+`","amount":500,"reason":"purchase","referenceId":"pi_1"}`)
			for _, body := range good {
				if strings.Contains(body, `"alreadyGranted":false`) {
					granted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 || h.credits(token).Balance != 500 {
		t.Errorf("%d grants, %+v", granted.Load(), h.credits(token))
	}
}

// What happens by itself happens once, however many servers there are.
func TestFlaw53RecurringWorkOnce(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	other := serverFor(t, withServiceKey, func(c *Config) { c.Database.SQLitePath = h.path })
	h.service("reserve", object{"userId": user, "amount": 100, "reason": "r", "expiresIn": 60})
	h.clock.Advance(24 * time.Hour)
	other.clock.Advance(24 * time.Hour)
	var all sync.WaitGroup
	for _, server := range []*harness{h, other} {
		all.Go(func() { server.atOnce(20, "init", `{"userId":"`+user+`"}`) })
	}
	all.Wait()
	got := decode[wire.CreditBalance](t, h.get(wire.CreditsPath+"/balance/"+user, asService(nil)...), http.StatusOK)
	if got.FreeCreditsRemaining != 155 {
		t.Errorf("%+v", got)
	}
}

func TestFlaw54LedgerCannotBeChanged(t *testing.T) {
	t.Parallel()
	h, user, _ := spender(t)
	h.service("use", useBody(user, 1))
	for _, statement := range []string{`UPDATE credit_transactions SET amount = amount - 1`, `DELETE FROM credit_transactions`,
		`UPDATE credit_transactions SET description = 'x'`} {
		if _, err := h.database().ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
