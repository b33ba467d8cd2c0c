// Package benchmarks holds the verifier and the guards of this SDK against
// their peers: how fast each is, in one run on one token, and what each
// accepts. It is a module of its own, so that the peers never enter the SDK's
// go.mod.
//
//	go test ./...                                 the oracle on its seeds
//	go test -fuzz FuzzSigned -fuzztime 5m .       the oracle on mutations
//	go test -run '^$' -bench . .                  the benchmarks
//	go run ./cmd/table                            the tables of docs/benchmarks.md
//	go test -run '^$' -bench . -benchtime 20x ./server
//	                                              the auth server under load
package benchmarks
