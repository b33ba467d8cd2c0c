package main

import (
	"strings"
	"testing"
)

const pass = `goos: linux
cpu: some
BenchmarkVerify/crypto/ed25519-2         	    7846	     40000 ns/op	       0 B/op	       0 allocs/op
BenchmarkVerify/manacore,cold-2          	    7846	     42000 ns/op	    1808 B/op	       9 allocs/op
BenchmarkVerify/go-oidc-2                	    7846	  9980000 ns/op	     80000 cpu-ns/op	    1808 B/op	      96 allocs/op
BenchmarkRefuse/10MB/manacore-2          	 1000000	        60.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkRefuse/10MB/go-jose-2           	       1	 100000000 ns/op	         1.000 accepted	37518976 B/op	     157 allocs/op
BenchmarkGuard/gin/bare-2                	       1	        50 ns/op	       0 B/op	       1 allocs/op
BenchmarkGuard/gin/manacore-2            	       1	       550 ns/op	       0 B/op	       4 allocs/op
BenchmarkGuard/gin/gin-jwt-2             	       1	     50050 ns/op	       0 B/op	      51 allocs/op
PASS
`

func TestTables(t *testing.T) {
	t.Parallel()
	var r results
	// The second pass runs at half the speed, and does not change a ratio.
	slow := strings.NewReplacer("40000 ns", "80000 ns", "42000 ns", "84000 ns").Replace(pass)
	for _, out := range []string{pass, slow, pass} {
		if err := r.add([]byte(out)); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := r.write(&b, []version{{Path: "github.com/coreos/go-oidc/v3", Version: "v3.0.0"}}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"CPU time; medians of 3 passes, in which Ed25519 alone took from 40.0 µs to 80.0 µs.",
		"| `crypto/ed25519` alone | 40.0 µs | 1.00 | 0 |",
		"| **manacore-go**, no cache | 42.0 µs | 1.05 | 9 |",
		"| go-oidc | 80.0 µs | 2.00 | 96 |",
		"| **manacore-go** | 60 ns |",
		"| go-jose | 100.0 ms, accepted |",
		"| gin | **manacore-go** | 500 ns | 3 | 1.00 |",
		"| gin | gin-jwt | 50.0 µs | 50 | 100 |",
		"| github.com/coreos/go-oidc/v3 | v3.0.0 | – | Apache-2.0 |",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no line %q in\n%s", line, b.String())
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	var r results
	if err := r.add([]byte("PASS\n")); err == nil {
		t.Error("a pass without a benchmark is no error")
	}
	if err := r.add([]byte(pass)); err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(pass, "BenchmarkGuard/gin/bare", "--- FAIL", 1)
	if err := r.add([]byte(without)); err == nil {
		t.Error("a pass that lacks a benchmark is no error")
	}
}
