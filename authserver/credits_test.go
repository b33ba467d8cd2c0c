package authserver

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

const testServiceKey = "service-key-of-the-tests-which-is-long"

// withServiceKey opens the credit routes to every app.
func withServiceKey(c *Config) {
	c.Credits.ServiceKey, c.Credits.ServiceKeyOperations = testServiceKey, ServiceOperations()
}

// service sends body to a credit route as the app chat.
func (h *harness) service(operation string, body any, headers ...string) answer {
	h.Helper()
	return h.post(wire.InternalCreditsPath+"/"+operation, body, asService(headers)...)
}

func asService(headers []string) []string {
	return append([]string{wire.ServiceKeyHeader, testServiceKey, wire.AppIDHeader, "chat"}, headers...)
}

// as are the headers of a user.
func as(token string) []string { return []string{"Authorization", "Bearer " + token} }

func (h *harness) get(path string, headers ...string) answer {
	h.Helper()
	return h.do("GET", path, "", headers...)
}

// credits are what the user of a token has.
func (h *harness) credits(token string) wire.CreditBalance {
	h.Helper()
	return decode[wire.CreditBalance](h.T, h.get(wire.CreditsPath+"/balance", as(token)...), http.StatusOK)
}

func useBody(userID string, amount int64) object {
	return object{"userId": userID, "amount": amount, "appId": "chat", "description": "words"}
}

// TestCreditsStory goes through the routes of end users.
func TestCreditsStory(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	token := h.login("ann")
	want := wire.CreditBalance{FreeCreditsRemaining: 150, DailyFreeCredits: 5}
	if diff := cmp.Diff(want, h.credits(token.AccessToken)); diff != "" {
		t.Errorf("first balance (-want +got):\n%s", diff)
	}
	body := object{"amount": 20, "appId": "chat", "description": "words", "idempotencyKey": "k", "metadata": object{"a": 1}}
	a := h.post(wire.CreditsPath+"/use", body, as(token.AccessToken)...)
	got := decode[wire.CreditUseResponse](t, a, http.StatusCreated)
	at, key := wire.Timestamp(begin), "k"
	use := wire.CreditUseResponse{
		Success: true,
		Transaction: wire.CreditTransaction{
			ID: got.Transaction.ID, UserID: token.User.ID, Type: "usage", Status: "completed", Amount: -20, BalanceBefore: 150, BalanceAfter: 130,
			AppID: "chat", Description: "words", Metadata: []byte(`{"a":1}`), IdempotencyKey: &key, Source: "user", CreatedAt: at, CompletedAt: &at,
		},
		NewBalance: wire.CreditNewBalance{FreeCreditsRemaining: 130, TotalSpent: 20},
	}
	if diff := cmp.Diff(use, got); diff != "" {
		t.Errorf("use (-want +got):\n%s", diff)
	}
	use.Message = wire.CreditReplayed
	if diff := cmp.Diff(use, decode[wire.CreditUseResponse](t, h.post(wire.CreditsPath+"/use", body, as(token.AccessToken)...), http.StatusCreated)); diff != "" {
		t.Errorf("replay (-want +got):\n%s", diff)
	}
	body["amount"] = 21
	h.refused(h.post(wire.CreditsPath+"/use", body, as(token.AccessToken)...), wire.IdempotencyKeyReused, wire.CreditsPath+"/use",
		"Idempotency key was already used for another request")
	list := decode[[]wire.CreditTransaction](t, h.get(wire.CreditsPath+"/transactions", as(token.AccessToken)...), http.StatusOK)
	if len(list) != 2 || cmp.Diff(list[0], use.Transaction) != "" || list[1].Type != "bonus" {
		t.Errorf("transactions %+v", list)
	}
	page := h.get(wire.CreditsPath+"/transactions?limit=1", as(token.AccessToken)...)
	next := page.header.Get(wire.NextCursorHeader)
	rest := decode[[]wire.CreditTransaction](t, h.get(wire.CreditsPath+"/transactions?cursor="+next, as(token.AccessToken)...), http.StatusOK)
	if len(rest) != 1 || rest[0].ID != list[1].ID {
		t.Errorf("second page after %q: %+v", next, rest)
	}
	for _, path := range []string{"/purchases", "/packages"} {
		if a := h.get(wire.CreditsPath+path, as(token.AccessToken)...); a.status != http.StatusOK || a.body != "[]" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestCreditsForServices goes through the routes of services, under both
// prefixes.
func TestCreditsForServices(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t, withServiceKey)
			user := h.register("ann").ID
			post := func(operation string, body any) answer {
				return h.post(prefix+"/"+operation, body, asService(nil)...)
			}
			balance := func() wire.CreditBalance {
				return decode[wire.CreditBalance](t, h.get(prefix+"/balance/"+user, asService(nil)...), http.StatusOK)
			}
			if got := decode[wire.CreditBalance](t, post("init", object{"userId": user}), http.StatusOK); got != balance() || got.FreeCreditsRemaining != 150 {
				t.Errorf("%+v", got)
			}
			grant := object{"userId": user, "amount": 50, "reason": "purchase", "referenceId": "p1"}
			first := decode[wire.CreditGrantResponse](t, post("grant", grant), http.StatusOK)
			if !first.OK || first.AlreadyGranted || first.NewBalance != 200 {
				t.Errorf("%+v", first)
			}
			first.AlreadyGranted = true
			if again := decode[wire.CreditGrantResponse](t, post("grant", grant), http.StatusOK); again != first {
				t.Errorf("%+v", again)
			}
			used := decode[wire.CreditUseResponse](t, post("use", useBody(user, 160)), http.StatusCreated)
			if used.NewBalance != (wire.CreditNewBalance{Balance: 40, TotalSpent: 160}) {
				t.Errorf("%+v", used.NewBalance)
			}
			short := decode[wire.InsufficientEnvelope](t, post("use", useBody(user, 41)), http.StatusPaymentRequired)
			if diff := cmp.Diff(wire.InsufficientEnvelope{
				Envelope: wire.NewEnvelope(wire.InsufficientCredits, "Insufficient credits", prefix+"/use", begin),
				Details:  wire.NewInsufficientDetails(41, 40, "words"),
			}, short); diff != "" {
				t.Errorf("402 (-want +got):\n%s", diff)
			}
			refund := useBody(user, 100)
			refund["transactionId"] = used.Transaction.ID
			if back := decode[wire.CreditUseResponse](t, post("refund", refund), http.StatusCreated); back.Transaction.Amount != 100 ||
				back.NewBalance != (wire.CreditNewBalance{Balance: 50, FreeCreditsRemaining: 90, TotalSpent: 60}) {
				t.Errorf("%+v", back)
			}
			h.refused(post("refund", refund), wire.Conflict, prefix+"/refund", "Refund exceeds what is left of the transaction")

			reserve := object{"userId": user, "amount": 100, "reason": "stream", "expiresIn": 60}
			held := decode[wire.CreditReserveResponse](t, post("reserve", reserve), http.StatusOK)
			if held.Balance != 40 || held.ExpiresAt != wire.Timestamp(begin.Add(time.Minute)) {
				t.Errorf("%+v", held)
			}
			commit := object{"reservationId": held.ReservationID, "amount": 30, "description": "a stream"}
			done := decode[wire.CreditCommitResponse](t, post("commit", commit), http.StatusOK)
			if again := decode[wire.CreditCommitResponse](t, post("commit", commit), http.StatusOK); !done.Success || again != done {
				t.Errorf("%+v and %+v", done, again)
			}
			h.refused(post("refund-reservation", object{"reservationId": held.ReservationID}), wire.Conflict, prefix+"/refund-reservation",
				"Reservation was already committed")
			reserve["idempotencyKey"] = "k"
			held = decode[wire.CreditReserveResponse](t, post("reserve", reserve), http.StatusOK)
			reserve["amount"] = 99
			reused := decode[wire.KeyReusedEnvelope](t, post("reserve", reserve), http.StatusUnprocessableEntity)
			if reused.Code != wire.IdempotencyKeyReused || reused.Details.State != wire.ReservationOpen {
				t.Errorf("%+v", reused)
			}
			released := decode[wire.CreditReleaseResponse](t, post("refund-reservation", object{"reservationId": held.ReservationID}), http.StatusOK)
			if released != (wire.CreditReleaseResponse{Success: true, Balance: 110}) {
				t.Errorf("%+v", released)
			}
			paid := int64(50)
			if prefix == wire.InternalCreditsPath {
				paid += 60 // there the balance is all that may be spent
			}
			if got := balance(); got != (wire.CreditBalance{Balance: paid, FreeCreditsRemaining: 60, TotalEarned: 50, TotalSpent: 90, DailyFreeCredits: 5}) {
				t.Errorf("%+v", got)
			}
			h.refused(post("reserve", object{"userId": "nobody", "amount": 1, "reason": "r"}), wire.NotFound, prefix+"/reserve", "User not found")
		})
	}
}

// TestServiceTransactions: an app sees what it did itself, page by page.
func TestServiceTransactions(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
		h := serverFor(t, withServiceKey)
		user := h.register("ann").ID
		for n, app := range []string{"chat", "picture", "chat"} {
			body := useBody(user, int64(n+1))
			body["appId"] = app
			decode[wire.CreditUseResponse](t, h.post(prefix+"/use", body, wire.ServiceKeyHeader, testServiceKey, wire.AppIDHeader, app), http.StatusCreated)
		}
		var amounts []int64
		for query, next := "?limit=1", "first"; next != ""; {
			page := h.get(prefix+"/transactions/"+user+query, asService(nil)...)
			for _, row := range decode[[]wire.CreditTransaction](t, page, http.StatusOK) {
				amounts = append(amounts, row.Amount)
			}
			next = page.header.Get(wire.NextCursorHeader)
			query = "?limit=1&cursor=" + next
		}
		if diff := cmp.Diff([]int64{-3, -1}, amounts); diff != "" {
			t.Errorf("amounts (-want +got):\n%s", diff)
		}
		for _, path := range []string{"/transactions/..%2Fx", "/transactions/" + user + "?limit=-1", "/transactions/" + user + "?cursor=x"} {
			if a := h.get(prefix+path, asService(nil)...); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		if a := h.get(prefix + "/transactions/" + user); a.status != http.StatusUnauthorized {
			t.Errorf("without a key: %d %s", a.status, a.body)
		}
	}
}

// TestA186CreditInput: what is no amount, id or text of the right size is
// refused and writes nothing.
func TestA186CreditInput(t *testing.T) {
	t.Parallel()
	h := serverFor(t, withServiceKey)
	user := h.register("ann").ID
	token := h.login("ann").AccessToken
	h.credits(token)
	const positive, whole, large = "amount must be a positive number", "amount must be an integer number", "amount must not be greater than 9007199254740991"
	for amount, want := range map[string][]string{
		`0`: {positive}, `-1`: {positive}, `-0.0`: {positive}, `0.5`: {whole}, `-0.5`: {positive, whole}, `1e308`: {large},
		`9007199254740992`:     {large},
		`9007199254740993`:     {large},
		`9223372036854775808`:  {large},
		`-9223372036854775809`: {positive},
		`"5"`:                  {positive, whole}, `null`: {positive, whole}, `true`: {positive, whole}, `[5]`: {positive, whole}, `{}`: {positive, whole},
	} {
		h.unchanged(func() {
			h.refused(h.post(wire.CreditsPath+"/use", `{"amount":`+amount+`,"appId":"chat","description":"d"}`, as(token)...),
				wire.ValidationFailed, wire.CreditsPath+"/use", want)
			for operation, rest := range map[string]string{
				"use": `"appId":"chat","description":"d"`, "refund": `"appId":"chat","description":"d"`,
				"grant": `"reason":"r","referenceId":"x"`, "reserve": `"reason":"r"`,
			} {
				h.refused(h.service(operation, `{"userId":"`+user+`","amount":`+amount+`,`+rest+`}`),
					wire.ValidationFailed, wire.InternalCreditsPath+"/"+operation, want)
			}
			if amount != "null" { // which is all of it
				h.refused(h.service("commit", `{"reservationId":"01890a5d-ac96-774b-bcce-b302099a8057","amount":`+amount+`}`),
					wire.ValidationFailed, wire.InternalCreditsPath+"/commit", want)
			}
		})
	}
	long := strings.Repeat("x", 20<<10)
	for name, test := range map[string]struct {
		body object
		want string
	}{
		"metadata":            {object{"metadata": object{"a": long}}, "metadata must be shorter than or equal to 4096 bytes"},
		"metadata of a kind":  {object{"metadata": "text"}, "metadata must be an object"},
		"description":         {object{"description": long}, "description must be shorter than or equal to 500 characters"},
		"no description":      {object{"description": nil}, "description must be a string"},
		"key":                 {object{"idempotencyKey": strings.Repeat("k", 256)}, "idempotencyKey must be shorter than or equal to 255 characters"},
		"key with control":    {object{"idempotencyKey": "a\x00b"}, "idempotencyKey must not contain control characters"},
		"app":                 {object{"appId": "a/b"}, "appId must be a valid id"},
		"user":                {object{"userId": "../x"}, "userId must be a valid id"},
		"user too long":       {object{"userId": strings.Repeat("u", 129)}, "userId must be a valid id"},
		"user of a kind":      {object{"userId": 5}, "userId must be a string"},
		"an unknown property": {object{"free": true}, "property free should not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			body := useBody(user, 1)
			maps.Copy(body, test.body)
			h.unchanged(func() {
				h.refused(h.service("use", body), wire.ValidationFailed, wire.InternalCreditsPath+"/use", []string{test.want})
			})
		})
	}
	path := wire.InternalCreditsPath + "/balance/..%2Fx"
	h.refused(h.get(path, asService(nil)...), wire.ValidationFailed, path, []string{"userId must be a valid id"})
	h.refused(h.service("commit", object{"reservationId": "1"}), wire.ValidationFailed, wire.InternalCreditsPath+"/commit",
		[]string{"reservationId must be a UUID"})
	h.refused(h.service("reserve", object{"userId": user, "amount": 1, "reason": "r", "expiresIn": 86401}), wire.ValidationFailed,
		wire.InternalCreditsPath+"/reserve", []string{"expiresIn must be between 1 and 86400 seconds"})
	for query, want := range map[string]string{
		"limit=-1": "limit must not be less than 1", "limit=0": "limit must not be less than 1", "limit=201": "limit must not be greater than 200",
		"limit=x": "limit must be an integer number", "limit=1&limit=2": "limit must be an integer number",
		"offset=-1": "offset must not be less than 0", "offset=1000000001": "offset must not be greater than 1000000000",
		"cursor=MToy&offset=1": "offset should not exist beside cursor",
	} {
		h.refused(h.get(wire.CreditsPath+"/transactions?"+query, as(token)...), wire.ValidationFailed, wire.CreditsPath+"/transactions", []string{want})
	}
	h.refused(h.get(wire.CreditsPath+"/transactions?cursor=nonsense", as(token)...), wire.InvalidRequest, wire.CreditsPath+"/transactions", "Malformed cursor")
	if got := h.credits(token); got.FreeCreditsRemaining != 150 {
		t.Errorf("%+v", got)
	}
}

// TestCreditsCredentials: who may use which route.
func TestCreditsCredentials(t *testing.T) {
	t.Parallel()
	h := serverFor(t, withServiceKey)
	user := h.register("ann").ID
	token := h.login("ann").AccessToken
	key, app := []string{wire.ServiceKeyHeader, testServiceKey}, []string{wire.AppIDHeader, "chat"}
	wrong := []string{wire.ServiceKeyHeader, testServiceKey + "x"}
	join := func(lists ...[]string) (all []string) {
		for _, list := range lists {
			all = append(all, list...)
		}
		return all
	}
	for name, test := range map[string]struct {
		path    string
		headers []string
		code    wire.Code
		message string
	}{
		"nothing at all":         {wire.InternalCreditsPath + "/use", nil, wire.Unauthorized, "No service key provided"},
		"nothing, as a user":     {wire.CreditsPath + "/use", nil, wire.Unauthorized, "No token provided"},
		"a token for a key":      {wire.InternalCreditsPath + "/use", as(token), wire.Unauthorized, "No service key provided"},
		"a bad token":            {wire.CreditsPath + "/use", as("x.y.z"), wire.InvalidToken, "Invalid token"},
		"both":                   {wire.CreditsPath + "/use", join(key, app, as(token)), wire.InvalidRequest, "Send either an access token or a service key"},
		"both, inside":           {wire.InternalCreditsPath + "/use", join(key, app, as(token)), wire.InvalidRequest, "Send either an access token or a service key"},
		"a wrong key":            {wire.CreditsPath + "/use", join(wrong, app), wire.Unauthorized, "Invalid service key"},
		"two apps":               {wire.InternalCreditsPath + "/use", join(key, app, app), wire.InvalidRequest, "One X-Service-Key and at most one X-App-Id header are allowed"},
		"two keys":               {wire.InternalCreditsPath + "/use", join(key, key, app), wire.InvalidRequest, "One X-Service-Key and at most one X-App-Id header are allowed"},
		"another app's":          {wire.InternalCreditsPath + "/use", join(key, []string{wire.AppIDHeader, "picture"}), wire.Forbidden, "The service key is not one of app chat"},
		"user id of a user":      {wire.CreditsPath + "/use", as(token), wire.ValidationFailed, ""},
		"another route":          {wire.CreditsPath + "/grant", as(token), wire.Unauthorized, "No service key provided"},
		"the balance of another": {wire.CreditsPath + "/init", as(token), wire.Unauthorized, "No service key provided"},
	} {
		t.Run(name, func(t *testing.T) {
			var message any = test.message
			if test.code == wire.ValidationFailed {
				message = []string{"property userId should not exist"}
			}
			h.unchanged(func() {
				h.refused(h.post(test.path, useBody(user, 1), test.headers...), test.code, test.path, message)
			})
		})
	}
	both := join(key, app, as(token))
	h.refused(h.get(wire.CreditsPath+"/balance", both...), wire.InvalidRequest, wire.CreditsPath+"/balance", "Send either an access token or a service key")
	if log := h.log.String(); strings.Contains(log, testServiceKey) {
		t.Error("the key is in the log")
	}
}

// TestA187LargestBalance: a balance grows as far as every client can count.
func TestA187LargestBalance(t *testing.T) {
	t.Parallel()
	h := serverFor(t, withServiceKey)
	user := h.register("ann").ID
	grant := func(amount int64, reference string) answer {
		return h.service("grant", object{"userId": user, "amount": amount, "reason": "r", "referenceId": reference})
	}
	decode[wire.CreditGrantResponse](t, grant(9007199254740991-150, "a"), http.StatusOK)
	h.refused(grant(1, "b"), wire.InvalidRequest, wire.InternalCreditsPath+"/grant", "Balance would be too large")
	h.refused(grant(9007199254740991, "b"), wire.InvalidRequest, wire.InternalCreditsPath+"/grant", "Balance would be too large")
}

// TestA193ForeignCredits: nobody reads or spends what is another's.
func TestA193ForeignCredits(t *testing.T) {
	t.Parallel()
	h := serverFor(t, withServiceKey)
	h.register("ann")
	bob := h.register("bob").ID
	token := h.login("ann").AccessToken
	h.service("use", useBody(bob, 10))
	for _, path := range []string{"/balance/" + bob, "/transactions?userId=" + bob} {
		if a := h.get(wire.CreditsPath+path, as(token)...); strings.Contains(a.body, bob) && a.status == http.StatusOK {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	h.refused(h.get(wire.CreditsPath+"/balance/"+bob, as(token)...), wire.Unauthorized, wire.CreditsPath+"/balance/"+bob, "No service key provided")
	if got := decode[wire.CreditBalance](t, h.get(fmt.Sprintf("%s/balance/%s", wire.CreditsPath, bob), asService(nil)...), http.StatusOK); got.TotalSpent != 10 {
		t.Errorf("%+v", got)
	}
}
