// Package authtest is an auth server inside a test's own process. It speaks the
// real wire over real HTTP, mints any token in one line, and fails in every way
// that a network and a server can, when told to.
//
// # A test in five lines
//
//	issuer := authtest.NewIssuer(t)
//	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}})
//	...
//	request.Header.Set("Authorization", "Bearer "+issuer.Token())
//
// The issuer ends with the test. Where there is no test, in an Example or a
// TestMain, Start makes one that the caller closes.
//
// # Tokens
//
// Token without arguments is a good token of the default user. Each argument
// changes one thing:
//
//	issuer.Token(authtest.Subject("ada"), authtest.Role("admin"))
//	issuer.Token(authtest.Expired())
//	issuer.Token(authtest.ExpiresIn(time.Second))
//	issuer.Token(authtest.OtherAudience())
//	issuer.Token(authtest.OtherKey())                      // a forgery
//	issuer.Token(authtest.AlgNone())
//	issuer.Token(authtest.Set("exp", "tomorrow"))          // any claim, any JSON
//	issuer.Token(authtest.Header("crit", []string{"b64"}))
//	issuer.Token(authtest.RawPayload([]byte(`{"sub":1,"sub":2}`)))
//
// Sign and SignInput sign bytes and text that no encoder would write.
//
// # Generations
//
// The issuer is an auth server of December 2025. WithGeneration2026 makes it one
// of 2026, with another iss and aud, and tokens that say tier and
// email_verified. A backend should pass its tests against both.
//
// # Keys
//
// Rotate makes a new key that signs from then on; the old ones stay published
// until RemoveKey. AddJWK and SetJWKS publish what no auth server should.
//
// # Outages
//
// Down answers 503, Refuse closes the port, Hang and Slow make wait, FaultJWKS
// and FaultValidate put a handler of the test in an endpoint's place, and Break
// brings about one of Faults, the list for a matrix. Up ends all of it, at the
// same URL. TLSError needs an issuer made WithTLS, which works with all of them;
// the client under test then needs the issuer's HTTPClient.
//
// Revoke ends a session for /validate, and in the feed of an issuer made
// WithRevocations. SilenceRevocations, FaultRevocations, FloodRevocations and
// ForgetRevocations are the feed's own faults. JWKSRequests, ValidateRequests and
// RevocationRequests count.
//
// # Credits
//
// The issuer has a credit ledger as well, on the routes of services. Every user
// begins with SignupBonus, Grant gives more, and the outages are those of the
// rest:
//
//	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey})
//	...
//	available, reserved := issuer.Credits("ada")
//
// # Time
//
// WithClock runs the issuer on a Clock that moves only by Advance and Set; give
// the client the same one, and no test sleeps:
//
//	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
//	issuer := authtest.NewIssuer(t, authtest.WithClock(clock))
//	token := issuer.Token()
//	clock.Advance(time.Hour) // token has expired
//
// Inside a bubble of testing/synctest, WithoutSockets makes an issuer whose time
// is the bubble's. Its HTTPClient is then the one way to it:
//
//	synctest.Test(t, func(t *testing.T) {
//		issuer := authtest.NewIssuer(t, authtest.WithoutSockets())
//		auth, err := client.New(client.Config{
//			Issuers: []client.Issuer{{URL: issuer.URL()}}, HTTPClient: issuer.HTTPClient(),
//		})
//		...
//
// # What it is not
//
// It keeps no users, passwords or refresh tokens: package authserver is the
// whole server. Both pass the same suite of wire tests, so that what a client
// sees of the one it sees of the other.
package authtest
