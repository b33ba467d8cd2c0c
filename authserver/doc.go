// Package authserver is the auth server as a library: accounts, sessions with
// rotated refresh tokens, Ed25519 access tokens and the JWKS that publishes
// their keys, all as JSON over HTTP below /api/v1.
//
//	server, err := authserver.Open(ctx, authserver.Config{})
//	if err != nil {
//		return err
//	}
//	defer server.Close()
//	return http.ListenAndServe(":3001", server.Handler())
//
// The zero Config keeps everything in ./manacore.db, an SQLite file that the
// first start makes, beside ./manacore.db.key, which seals the signing keys
// in it: back both up, and keep them apart. With Config.Database.URL the data is
// in PostgreSQL, and several servers may share it. Command authserver is this
// package with a configuration from the environment.
//
// Of secrets the database holds only the argon2id hash of a password, the SHA-256
// of a refresh token and the ciphertext of a signing key. A request that cannot be
// decided, because the database does not answer or too many passwords wait to be
// hashed, is answered with 503 and Retry-After and never with a verdict.
package authserver
