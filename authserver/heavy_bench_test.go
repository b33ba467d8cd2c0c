//go:build unix

package authserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// heavyBodies are bodies of about 100 KiB, by what they are made of. The first
// of them is what the others are compared with.
func heavyBodies() []struct{ name, body string } {
	const size = 100<<10 - 64
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	token := func(piece string) string { return `{"token":"` + fill(piece) + `"}` }
	ignored := func(piece string) string { return `{"token":"x","other":"` + fill(piece) + `"}` }
	some := func(piece string, n int) string { return strings.TrimSuffix(strings.Repeat(piece, n), ",") }
	return []struct{ name, body string }{
		{"one string", token("x")},
		{"one string, ignored", ignored("x")},
		{"escaped slashes", token(`\/`)},
		{"escaped slashes, ignored", ignored(`\/`)},
		{"line feeds", token(`\n`)},
		{"escapes", token(`\u0041`)},
		{"escapes, ignored", ignored(`\u0041`)},
		{"escapes of three bytes", token(`\u20ac`)},
		{"pairs of surrogates", token(`\ud83d\ude00`)},
		{"letters and escapes", token(`x\/`)},
		{"letters and escapes, ignored", ignored(`x\/`)},
		{"a few escapes", token(`xxxxxxxxxxxxxxx\/`)},
		{"two bytes a letter", token("é")},
		{"two bytes a letter, ignored", ignored("é")},
		{"three bytes a letter", token("€")},
		{"four bytes a letter", token("😀")},
		{"bytes of all lengths", token("xé😀€")},
		{"48 KiB of escapes", `{"token":"` + some(`\/`, 24<<10) + `","other":"` + some(`\/`, 25<<10) + `"}`},
		{"as many escapes as may be", token("x")[:90<<10] + some(`\n`, 5110) + `"}`},
		{"as many letters of two bytes as may be", token("x")[:90<<10] + some("é", 5110) + `"}`},
		{"a name", `{"` + fill("x") + `":1}`},
		{"an escaped name", `{"` + fill(`\/`) + `":1}`},
		{"an escaped name and value", `{"` + some(`\/`, 24<<10) + `":"` + some(`\/`, 24<<10) + `"}`},
		{"a name of two bytes a letter", `{"` + fill("é") + `":1}`},
		{"60 escaped values", `{"token":"x",` + some(`"m":"`+some(`\/`, 800)+`",`, 60) + `}`},
		{"60 escaped elements", `{"token":"x","other":[` + some(`"`+some(`\/`, 820)+`",`, 60) + `]}`},
		{"60 escaped names", `{"token":"x","other":{` + some(`"`+some(`\/`, 820)+`":1,`, 60) + `}}`},
		{"blanks", `{"token":"x"` + fill(" ") + `}`},
		{"line ends", `{` + fill("\r\n\t ") + `"token":"x"}`},
		{"a number", `{"token":` + fill("1") + `}`},
		{"a fraction", `{"token":1.` + fill("1") + `}`},
		{"an exponent", `{"token":1e` + fill("1") + `}`},
		{"a number, ignored", `{"other":-0.` + fill("1") + `}`},
		{"members", `{` + fill(`"a":1,`) + `"token":"x"}`},
		{"a name twice", `{` + fill(`"token":"x",`) + `"token":"x"}`},
		{"elements", `{"token":[` + fill("1,") + `1]}`},
		{"literals", `{"token":[` + fill("true,") + `1]}`},
		{"arrays in arrays", `{"token":` + fill("[")},
		{"objects in objects", `{"token":` + fill(`{"a":`)},
		{"brackets", fill("[")},
		{"no JSON", fill("token=x&")},
		{"invalid UTF-8", token("\xff")},
		{"invalid UTF-8 at the end", `{"token":"` + fill("x") + "\xff\"}"},
		{"invalid UTF-8 after escapes", `{"token":"` + fill(`\/`) + "\xff\"}"},
		{"half a pair after escapes", `{"token":"` + fill(`\/`) + `\ud800"}`},
		{"no end", `{"token":"` + fill(`\/`)},
		{"something behind it", token(`\/`) + "x"},
	}
}

// processTime is the processor time of this process so far, in nanoseconds.
func processTime(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkHeavyBodies is what one large body costs at POST /validate in
// processor time, by what it is made of, without a network. None may cost more
// than twice the first.
func BenchmarkHeavyBodies(b *testing.B) {
	server, err := Open(b.Context(), Config{Database: Database{SQLitePath: b.TempDir() + "/bench.db"}, HTTP: HTTP{RateLimitsDisabled: true}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	})
	handler := server.Handler()
	for _, heavy := range heavyBodies() {
		b.Run(heavy.name, func(b *testing.B) {
			b.ReportAllocs()
			begun := processTime(b)
			defer func() { b.ReportMetric(float64(processTime(b)-begun)/float64(b.N), "cpu-ns/op") }()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, wire.ValidatePath, strings.NewReader(heavy.body))
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
