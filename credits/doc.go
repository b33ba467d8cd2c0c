// Package credits charges users of a backend: Path B. It is the client of the
// credit ledger, which is part of the auth server, or a service of its own.
//
//	ledger, err := credits.FromEnv() // APP_ID, MANA_SERVICE_KEY
//	...
//	mux.Handle("POST /images", chargehttp.Charge(ledger, "image_generation", 10)(handler))
//
// The guards of package middleware/charge reserve before a handler and settle
// after it. Whoever charges without a guard calls Reserve, Commit and Release,
// or Consume where the price is known and nothing can fail afterwards.
//
// # What a failure means
//
// Every failure is an error, and no balance is ever made up. ErrInsufficient
// is a verdict; ErrUnavailable says that there is none. An operation that ends
// with ErrUnavailable may have taken place: call again with the same Key, and
// it takes place once. Where the caller gives no Key the client makes one for
// the call and keeps it across its own repetitions.
//
// The client repeats what is safe to repeat: reads, operations that carry a
// key, and the settling of a reservation. Behind too many failures in a row a
// circuit breaker answers ErrUnavailable at once.
//
// # Goroutines and Close
//
// A process has one Client, and closes it when its server has ended. Until then
// the client keeps idle connections, up to 64, and the goroutines of net/http
// that go with them, and it may look on a goroutine for a reservation whose
// answer did not come (Reserve). After Close there is none of these, and every
// call ends with ErrUnavailable. A client that nobody closes keeps its
// connections until the ledger ends them.
//
// # The service key
//
// It goes to the configured URL alone, over TLS unless that is this machine or
// a host that the configuration names, follows no redirect, and gets into no
// log and no error.
package credits
