// Package client verifies the access tokens of a Mana Core auth server.
//
//	auth, err := client.FromEnv()
//	if err != nil { ... }
//	defer auth.Close()
//	http.ListenAndServe(":3007", nethttp.Guard(auth)(mux))
//
// The guards in middleware/ call Verify for each request and put the User into
// the request's context, where CurrentUser finds it.
//
// # Two modes
//
// Local mode, the default, verifies each token with the auth server's public
// keys, which it fetches once and keeps fresh in the background: no call per
// request, and an outage of the auth server goes unnoticed for an hour. A session
// that is revoked is refused within a second where the auth server announces its
// feed of revocations, and else when its token expires, 15 minutes at most.
// Revocations says what happens while the feed is silent.
//
// Remote mode asks the auth server about each token: a revocation counts at
// once, and without the auth server there is no verdict. FallbackLocal makes
// it verify locally meanwhile.
//
// # What is accepted
//
// A compact JWS, EdDSA over Ed25519, whose kid names a key of the very issuer
// that iss names, with sub, a numeric exp, an accepted aud, and the email and
// role of a user. Each token has exactly one accepted text. The claims are
// returned only after everything holds. docs/security.md lists the attacks and
// the tests that stand against them.
//
// # Errors
//
// Every error of Verify is ErrUnauthenticated or ErrUnavailable by errors.Is.
// The difference matters: clients throw their session away on a 401, so what
// can't be told is a 503. ErrKeyPending is the one ErrUnavailable that a stranger
// can bring about, for tokens whose kid is not known.
package client
