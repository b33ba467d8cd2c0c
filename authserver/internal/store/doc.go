// Package store says what the auth server keeps and what it asks of a
// database: records, interfaces split by role, and the rules that every
// database has to apply alike. Package storetest holds the suite that an
// implementation passes.
//
// Instants are kept to the millisecond, in UTC; a zero time.Time stands for
// "never". Ids are opaque text. Secrets never get here in the clear: refresh
// tokens come as digests, passwords as hashes, private keys sealed.
package store
