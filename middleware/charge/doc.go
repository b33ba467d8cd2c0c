// Package charge takes credits from a user for each request that a route
// answers: Path B. It decides for every framework; the packages nethttp, echo
// and gin below it carry out what it says:
//
//	ledger, err := credits.FromEnv()
//	...
//	mux.Handle("POST /images", chargehttp.Charge(ledger, "image_generation", 10)(handler))
//	mux.Handle("POST /texts", chargehttp.ChargeFunc(ledger, "text_generation", atMost, charge.Config{})(handler))
//
// A charged route stands inside the guard of package middleware, which finds
// the user.
//
// # What is charged
//
// The cost is reserved before the handler runs, and settled when it returns.
// What was delivered decides, and not how the handler ended:
//
//	the answer began below 400                      committed, however the handler ended
//	nothing was written, and the handler succeeded  committed
//	the answer is a 400 or more                     released
//	the handler failed before the answer began      released
//	an http.TimeoutHandler answered in its place    released
//	the caller went before the answer began         released, and nothing is sent
//
// A handler fails by an error (Echo, Gin) or a panic. Committed is what SetCost
// said last, and the whole cost if it said nothing. SetCost(0) releases. A
// settling that fails is logged and reported to Config.OnCharge; the credits
// then return when the reservation expires. The caller has the answer by then.
//
// # Durable effects
//
// A handler that ignores its context works on after its caller has gone: it may
// store a picture that the user finds later. By the table above the user has it
// for free, and can repeat that at will. There are three ways out:
//
//   - Stop when the request's context ends, and store nothing.
//   - Call SetCost with what has been spent. More than 0 is charged although
//     the caller has gone, whether or not the handler then fails over it, and
//     although a time limit answered in place of a handler that succeeds.
//   - Set Config.Durable. The handler is then charged whenever it succeeds,
//     whether or not anybody was there to get the answer.
//
// # Time
//
// Nothing is sent in the last 15 seconds of a reservation (Config.HoldFor), or
// in its second half where it is shorter than 30: a caller who reads or uploads
// slowly enough would otherwise have the answer for free. One that has begun is
// cut off and charged; in place of any other comes a 503. A hijacked connection
// is the handler's own, and so is this limit there.
//
// # What the caller gets
//
// Without credits a 402, without an answer of the ledger a 503 with
// Retry-After, where the ledger does not take the service's own key a 500. An
// answer names its reservation in ReservationHeader and its transaction in
// TransactionTrailer.
//
// Every method is charged alike, HEAD and OPTIONS included: their handlers run
// as well. A CostFunc that returns 0 lets one pass.
//
// # Idempotency keys
//
// A request with an Idempotency-Key runs once per user, operation and body: a
// copy of one that is running or was charged gets a 409, and its handler does
// not run. After a failure, or when the reservation has expired, the same key
// may be tried again, eight times in all. Of the body its length counts and,
// where that is known and at most 64 KiB, what it holds: a longer body is never
// held back, so two that differ in content alone are one request. Give each
// upload a key of its own.
//
// # Goroutines
//
// The package starts none that outlives a request, and has nothing to close. A
// caller who goes while the cost is being reserved leaves nothing set aside: the
// ledger's client releases it on a goroutine of its own, which Close of
// credits.Client ends.
package charge
