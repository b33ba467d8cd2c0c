// Package store says which records the auth server keeps and what it asks of a
// database. The interfaces are split by role. Package storetest holds the suite
// that every implementation passes.
//
// Instants are kept to the millisecond, in UTC; a zero time.Time means "never".
// Ids are opaque text. No secret gets here in the clear: refresh tokens are
// digests, passwords are hashes, private keys are sealed.
package store
