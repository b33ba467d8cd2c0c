package wirerecord

import (
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

const jwks = auth + "/jwks"

// plumbingSteps are what no endpoint decides, and those that need nobody.
func plumbingSteps() []step {
	const origin, stranger = "https://app.example.com", "https://evil.example.com"
	var steps []step
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		steps = append(steps, get("health", path), get("below the prefix", "/api/v1"+path),
			request("HEAD", "HEAD", "/api/v1"+path, ""), request("POST", "another method", path, ""))
	}
	return append(steps,
		get("key set", jwks),
		request("HEAD", "HEAD", jwks, ""),
		get("one that is known", jwks, "If-None-Match", "*"),
		get("another one is known", jwks, "If-None-Match", `"another"`),
		get("a range", jwks, "Range", "bytes=0-1"),
		request("POST", "another method", jwks, ""),
		act("an operator makes the next key", func(s *stage) {
			s.admin(func(a *authserver.Admin) error { return a.RotateKey(s.Context()) })
		}),
		wait(time.Second),
		get("two keys", jwks),
		request("OPTIONS", "preflight", auth+"/login", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"),
		request("OPTIONS", "preflight of a stranger", auth+"/login", "", "Origin", stranger, "Access-Control-Request-Method", "POST"),
		request("OPTIONS", "preflight of a method that is not allowed", auth+"/login", "", "Origin", origin, "Access-Control-Request-Method", "TRACE"),
		request("OPTIONS", "preflight of a header that is not allowed", auth+"/login", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-other"),
		request("OPTIONS", "no preflight", auth+"/login", ""),
		get("a known origin", jwks, "Origin", origin),
		get("a stranger's", jwks, "Origin", stranger),
		get("an error for a known origin", auth+"/session", "Origin", origin),
		get("a trailing slash", "/api/v1/health/"),
		post("one on a POST", auth+"/login/", `{}`),
		get("two slashes", "/api/v1//health"),
		get("dots", "/api/v1/auth/../health"),
		get("an escaped slash", "/api/v1/auth%2Fjwks"),
		get("unknown", "/api/v1/nope"),
		get("unknown with a query and escapes", "/api/v1/n%20ope?secret=1"),
		get("the root", "/"),
		get("metrics", "/metrics"),
		get("GET on a POST", auth+"/login"),
		request("PUT", "PUT", auth+"/login", `{}`),
		request("BREW", "an unknown method", auth+"/login", ""),
		request("HEAD", "HEAD of an unknown route", "/api/v1/nope", ""),
		request("HEAD", "HEAD of a guarded one", auth+"/session", ""),
		get("referrals are elsewhere", "/api/v1/referrals/validate/CODE"),
		request("POST", "no content type", auth+"/login", `{}`),
		request("POST", "another content type", auth+"/login", `{}`, "Content-Type", "text/plain"),
	)
}

// limitSteps use up each limit. Validation and the key set have none.
func limitSteps() []step {
	from := func(addr string) []string { return []string{"X-Forwarded-For", addr} }
	var steps []step
	for range 6 {
		steps = append(steps, post("login", auth+"/login", annIn, from("203.0.113.1")...))
	}
	steps = append(steps, wait(12*time.Second), post("a slot is free again", auth+"/login", annIn, from("203.0.113.1")...),
		post("somebody else", auth+"/login", annIn, from("203.0.113.2")...))
	for range 11 {
		steps = append(steps, post("register", auth+"/register", `{}`, from("203.0.113.1")...))
	}
	steps = append(steps, act("100 requests are sent", func(s *stage) {
		for range 100 {
			r, err := s.client.Get(s.front.URL + auth + "/session")
			if err != nil {
				s.Fatal(err)
			}
			_ = r.Body.Close()
		}
	}))
	for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/security-events", "/credits/balance", "/credits/transactions", "/credits/purchases", "/credits/packages", "/credits/balance/ann"} {
		steps = append(steps, get("the next one", "/api/v1"+path))
	}
	return append(steps,
		post("a refresh", auth+"/refresh", `{}`), post("a logout", auth+"/logout", `{}`),
		post("a use", "/api/v1/credits/use", `{}`), post("a service without a key", "/api/v1/internal/credits/use", `{}`),
		post("a service with one", "/api/v1/internal/credits/use", `{}`, service...),
		post("validate has no limit", auth+"/validate", `{"token":"x"}`), get("nor has the key set", jwks), get("nor has health", "/health"),
		wait(600*time.Millisecond), get("a slot is free again", auth+"/session"))
}

// outageSteps are a server that cannot decide: its keys are stale, its random
// source panics, and at last its database is closed.
func outageSteps() []step {
	steps := []step{
		registerAs("ann"), login("login", annIn, "ann"),
		act("the clock jumps by an hour and nothing is read", func(s *stage) { s.clock.jump(time.Hour) }),
		post("login with stale keys", auth+"/login", annIn),
		post("refresh with stale keys", auth+"/refresh", `{"refreshToken":"{ann.refreshToken}"}`),
		get("not ready", "/health/ready"),
		wait(time.Second),
		get("ready again", "/health/ready"),
		post("refresh", auth+"/refresh", `{"refreshToken":"{ann.refreshToken}"}`).keep("ann"),
		act("the source of randomness panics", func(s *stage) { s.random.panics.Store(true) }),
		post("a panic", auth+"/register", `{"email":"bob@example.com","password":"correct horse battery","name":"Bob"}`),
		act("it is mended, and the server is closed", func(s *stage) {
			s.random.panics.Store(false)
			s.close()
		}),
		wait(time.Second), // so that readiness looks at the database again
		get("live", "/health/live"), get("not ready", "/api/v1/health/ready"), request("HEAD", "HEAD", "/health/ready", ""), get("the key set stands", jwks),
		request("DELETE", "session", auth+"/sessions/x", "", bearer("ann")...),
		request("DELETE", "account", auth+"/account", `{"password":"x"}`, bearer("ann")...),
		post("a validation", auth+"/validate", `{"token":"{ann.accessToken}"}`),
		post("a verdict that needs no database", auth+"/validate", `{"token":"x"}`),
		post("register", auth+"/register", `{"email":"bob@example.com","password":"correct horse battery","name":"Bob"}`),
		post("login", auth+"/login", annIn),
		post("refresh", auth+"/refresh", `{"refreshToken":"{ann.refreshToken}"}`),
		post("logout", auth+"/logout", `{"refreshToken":"{ann.refreshToken}"}`),
		post("change of password", auth+"/change-password", `{"currentPassword":"x","newPassword":"another horse battery"}`, bearer("ann")...),
		post("use", "/api/v1/internal/credits/use", `{"userId":"ann","amount":1,"appId":"chat","description":"words"}`, service...),
		post("a key that has to be looked up", "/api/v1/internal/credits/init", `{"userId":"ann"}`, "X-Service-Key", "other", "X-App-Id", "chat"),
	}
	for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/security-events", "/credits/balance", "/credits/transactions"} {
		steps = append(steps, get("guarded", "/api/v1"+path, bearer("ann")...))
	}
	return steps
}

// creditSteps are the routes of end users.
func creditSteps() []step {
	const base = "/api/v1/credits"
	steps := []step{registerAs("ann"), login("login", annIn, "ann"), get("packages need nobody", base+"/packages"),
		get("packages of nowhere", base+"/packages/x"), request("PUT", "another method", base+"/packages", "")}
	for _, path := range []string{"/balance", "/transactions", "/purchases"} {
		steps = append(steps, get("no token", base+path), get("a bad token", base+path, "Authorization", "Bearer x"),
			get("a service key beside it", base+path, append(bearer("ann"), "X-Service-Key", serviceKey)...),
			get("success", base+path, bearer("ann")...))
	}
	use := func(about, body string) step { return post(about, base+"/use", body, bearer("ann")...) }
	steps = append(steps,
		post("no token", base+"/use", `{}`),
		use("nothing", ``), use("malformed JSON", `{`),
		use("types", `{"amount":"5","appId":1,"description":2,"idempotencyKey":3,"metadata":[],"userId":"x"}`),
		use("ranges", `{"amount":0,"appId":"a b","description":"","idempotencyKey":"`+strings.Repeat("x", 256)+`","metadata":{"a":"`+strings.Repeat("x", 4096)+`"}}`),
		use("too much", `{"amount":9007199254740992,"appId":"chat","description":"`+strings.Repeat("x", 501)+`"}`),
		use("half a credit", `{"amount":0.5,"appId":"chat","description":"a\u0000"}`),
		use("use", `{"amount":20,"appId":"chat","description":"words","idempotencyKey":"k","metadata":{"b":1, "a":[2]}}`),
		use("replay", `{"amount":20,"appId":"chat","description":"words","idempotencyKey":"k","metadata":{"b":1, "a":[2]}}`),
		use("the key with another body", `{"amount":21,"appId":"chat","description":"words","idempotencyKey":"k"}`),
		use("another spelling of a number", `{"amount":1e1,"appId":"chat","description":"words"}`),
		use("insufficient", `{"amount":1000,"appId":"chat","description":"words"}`),
		use("too large", `{"description":"`+strings.Repeat("x", 2<<20)+`"}`),
		wait(24*time.Hour), login("login on the next day", annIn, "ann"),
		get("daily credits", base+"/balance", bearer("ann")...),
	)
	for _, query := range []string{"", "?limit=1", "?limit=1&offset=1", "?cursor=MToy", "?cursor=x", "?limit=0", "?limit=201", "?limit=a", "?limit=1&limit=2",
		"?offset=-1", "?offset=1000000001", "?cursor=MToy&offset=1", "?limit=%zz"} {
		steps = append(steps, get("transactions", base+"/transactions"+query, bearer("ann")...))
	}
	return steps
}

var service = []string{"X-Service-Key", serviceKey, "X-App-Id", "chat"}
