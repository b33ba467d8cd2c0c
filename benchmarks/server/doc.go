// Package server measures the auth server under load: each route beside the
// least that would have to be done for it, in turns, in one run.
//
//	go test -run '^$' -bench . -benchtime 20x ./server
//
// Of a benchmark "x" is the requests a second of the server as a share of the
// floor's: the higher the better.
package server
