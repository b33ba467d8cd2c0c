package wirerecord

import (
	"fmt"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

// serviceSteps are the routes of services below a prefix.
func serviceSteps(base string) []step {
	steps := []step{registerAs("ann"), login("login", annIn, "ann")}
	steps = append(steps, serviceKeySteps(base)...)
	do := func(about, operation, body string, headers ...string) step {
		if len(headers) == 0 {
			headers = service
		}
		return post(about, base+"/"+operation, body, headers...)
	}
	for _, operation := range []string{"init", "use", "refund", "grant", "reserve", "commit", "refund-reservation"} {
		steps = append(steps,
			do("nothing", operation, ``), do("malformed JSON", operation, `{`), do("an unknown property", operation, `{"surprise":1}`),
			do("types", operation, `{"userId":1,"amount":"5","appId":1,"description":2,"idempotencyKey":3,"metadata":4,"transactionId":5,"reservationId":6,"reason":7,"referenceId":8,"expiresIn":"9"}`),
			do("ranges", operation, `{"userId":"a b","amount":0,"appId":"","description":"","transactionId":"x","reservationId":"x","reason":"","referenceId":"","expiresIn":86401}`),
			do("too large", operation, `{"reason":"`+strings.Repeat("x", 2<<20)+`"}`))
	}
	const user, missing = `"userId":"{newann.id}"`, `00000000-0000-0000-0000-000000000000`
	spend := func(amount int, more string) string {
		return fmt.Sprintf(`{%s,"amount":%d,"appId":"chat","description":"words"%s}`, user, amount, more)
	}
	balance, history := base+"/balance/", base+"/transactions/"
	return append(steps,
		get("balance of nobody", balance+"nobody", service...), get("no id", balance+"a%20b", service...),
		get("transactions of nobody", history+"nobody", service...), get("no id", history+"a%20b", service...),
		do("init of nobody", "init", `{"userId":"nobody"}`), do("init", "init", `{`+user+`}`), get("balance", balance+"{newann.id}", service...),
		do("grant", "grant", `{`+user+`,"amount":50,"reason":"purchase","referenceId":"p1"}`),
		do("grant again", "grant", `{`+user+`,"amount":50,"reason":"purchase","referenceId":"p1"}`),
		do("the reference with another amount", "grant", `{`+user+`,"amount":51,"reason":"purchase","referenceId":"p1"}`),
		do("a balance that is too large", "grant", `{`+user+`,"amount":9007199254740991,"reason":"purchase","referenceId":"p2"}`),
		do("grant to nobody", "grant", `{"userId":"nobody","amount":1,"reason":"r","referenceId":"p3"}`),
		do("use", "use", spend(160, `,"metadata":{"a":1}`)).keep("used"),
		do("use under a key", "use", spend(1, `,"idempotencyKey":"k"`)), do("replay", "use", spend(1, `,"idempotencyKey":"k"`)),
		do("the key with another body", "use", spend(2, `,"idempotencyKey":"k"`)),
		do("insufficient", "use", spend(1000, ``)),
		do("use of nobody", "use", `{"userId":"nobody","amount":1,"appId":"chat","description":"words"}`),
		do("use for another app", "use", `{`+user+`,"amount":1,"appId":"picture","description":"words"}`),
		do("refund", "refund", spend(100, `,"transactionId":"{used.transaction.id}"`)),
		do("refund of more than is left", "refund", spend(100, `,"transactionId":"{used.transaction.id}"`)),
		do("refund of an unknown transaction", "refund", spend(1, `,"transactionId":"`+missing+`"`)),
		do("refund without a transaction", "refund", spend(10, `,"idempotencyKey":"r"`)),
		do("replay", "refund", spend(10, `,"idempotencyKey":"r"`)),
		do("the key with another body", "refund", spend(11, `,"idempotencyKey":"r"`)),
		do("refund of more than was ever taken", "refund", spend(1000, ``)),
		do("refund to nobody", "refund", `{"userId":"nobody","amount":1,"appId":"chat","description":"words"}`),
		do("refund for another app", "refund", `{`+user+`,"amount":1,"appId":"picture","description":"words"}`),
		do("reserve", "reserve", `{`+user+`,"amount":50,"reason":"stream","expiresIn":60}`).keep("held"),
		do("insufficient", "reserve", `{`+user+`,"amount":1000,"reason":"stream"}`),
		do("reserve for nobody", "reserve", `{"userId":"nobody","amount":1,"reason":"r"}`),
		do("commit of too much", "commit", `{"reservationId":"{held.reservationId}","amount":51}`),
		do("commit", "commit", `{"reservationId":"{held.reservationId}","amount":30,"description":"a stream"}`),
		do("again", "commit", `{"reservationId":"{held.reservationId}","amount":30,"description":"a stream"}`),
		do("with another amount", "commit", `{"reservationId":"{held.reservationId}","amount":29}`),
		do("release of the committed", "refund-reservation", `{"reservationId":"{held.reservationId}"}`),
		do("commit of nothing", "commit", `{"reservationId":"`+missing+`"}`), do("release of nothing", "refund-reservation", `{"reservationId":"`+missing+`"}`),
		do("reserve under a key", "reserve", `{`+user+`,"amount":5,"reason":"stream","idempotencyKey":"s"}`).keep("held"),
		do("again", "reserve", `{`+user+`,"amount":5,"reason":"stream","idempotencyKey":"s"}`),
		do("the key with another body", "reserve", `{`+user+`,"amount":6,"reason":"stream","idempotencyKey":"s"}`),
		do("release", "refund-reservation", `{"reservationId":"{held.reservationId}"}`), do("again", "refund-reservation", `{"reservationId":"{held.reservationId}"}`),
		do("commit of the released", "commit", `{"reservationId":"{held.reservationId}"}`),
		do("reserve for a minute", "reserve", `{`+user+`,"amount":5,"reason":"stream","expiresIn":60}`).keep("held"),
		wait(2*time.Minute),
		do("commit of the expired", "commit", `{"reservationId":"{held.reservationId}"}`),
		get("transactions", history+"{newann.id}?limit=2", service...), get("a page that is malformed", history+"{newann.id}?limit=x", service...),
		get("another app", history+"{newann.id}", "X-Service-Key", serviceKey, "X-App-Id", "picture"),
		get("balance at the end", balance+"{newann.id}", service...))
}

// serviceKeySteps are who is let in. An operator makes a key of the app chat
// that may look at balances and nothing else.
func serviceKeySteps(base string) []step {
	at := base + "/balance/{newann.id}"
	// withSecret is a step that sends the operator's key, which no answer has.
	withSecret := func(about, method, path, app string) step {
		return request(method, about, path, "", "X-Service-Key", "{operator.secret}", "X-App-Id", app)
	}
	steps := []step{
		get("no key", at), get("an empty key", at, "X-Service-Key", "", "X-App-Id", "chat"),
		get("an access token", at, bearer("ann")...),
		get("both", at, append(bearer("ann"), service...)...),
		get("no app", at, "X-Service-Key", serviceKey), get("an empty app", at, "X-Service-Key", serviceKey, "X-App-Id", ""),
		get("two apps", at, append([]string{"X-App-Id", "picture"}, service...)...),
		get("no app id", at, "X-Service-Key", serviceKey, "X-App-Id", "a b"),
		get("an unknown key", at, "X-Service-Key", "wrong", "X-App-Id", "chat"),
		makeKey(),
		wait(time.Second),
		withSecret("a key of the app", "GET", at, "chat"),
		withSecret("the key with another app", "GET", at, "picture"),
	}
	for _, operation := range []string{"init", "use", "refund", "grant", "reserve", "commit", "refund-reservation"} {
		steps = append(steps, withSecret("not allowed", "POST", base+"/"+operation, "chat"), post("an unknown key", base+"/"+operation, `{}`, "X-Service-Key", "wrong", "X-App-Id", "chat"))
	}
	return append(steps, withSecret("not allowed", "GET", base+"/transactions/{newann.id}", "chat"))
}

// makeKey keeps the key that an operator makes as {operator.secret}.
func makeKey() step {
	return act("an operator makes a key that allows balance alone", func(s *stage) {
		s.admin(func(a *authserver.Admin) error {
			_, secret, err := a.CreateServiceKey(s.Context(), authserver.NewServiceKey{AppID: "chat", Operations: []string{"balance"}})
			s.kept["operator"] = map[string]any{"secret": secret}
			return err
		})
	})
}
