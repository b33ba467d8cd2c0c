package client_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// Section F: what is too large is refused before anything is decoded, and
// nothing is ever inflated or derived.
func TestSize(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	attacks := []attack{
		{name: "F115 dots between spaces", edit: func(string) string { return strings.Repeat(". ", 4000) }, want: client.ErrMalformed},
		{name: "F124 spaces alone", edit: func(string) string { return strings.Repeat(" ", 8000) }, want: client.ErrMalformed},
		{name: "F124 a megabyte of spaces behind", edit: func(text string) string { return text + strings.Repeat(" ", 1<<20) }, want: client.ErrMalformed},
		{name: "F117 zip", claim: authtest.All(authtest.Header("zip", "DEF"), authtest.RawPayload(deflated(t, 1<<16))), want: client.ErrMalformed},
		{name: "F117 deflated without zip", claim: authtest.RawPayload(deflated(t, 1<<16)), want: client.ErrMalformed},
		{name: "F118 p2c", claim: authtest.All(authtest.Header("alg", "PBES2-HS256+A128KW"), authtest.Header("p2c", int64(1)<<31), authtest.Header("p2s", "AAAA")), want: client.ErrMalformed},
		{name: "F118 p2c beside EdDSA", claim: authtest.Header("p2c", int64(1)<<31), want: client.ErrMalformed},
	}
	for _, n := range []int{2, 3, 100, 8000, 8192, 8193, 1_000_000} {
		attacks = append(attacks, attack{name: fmt.Sprintf("F114 %d dots", n), edit: func(string) string { return strings.Repeat(".", n) }, want: client.ErrMalformed})
	}
	for _, n := range []int{8 << 10, 64 << 10, 1 << 20} {
		long := strings.Repeat("a", n)
		attacks = append(attacks, attack{name: fmt.Sprintf("F116 %d bytes in the payload", n), claim: authtest.Set("x", long), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("F116 %d bytes in the header", n), claim: authtest.Header("x", long), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("F116 %d bytes of signature", n), claim: authtest.Signature(func([]byte) []byte { return []byte(long) }), want: client.ErrMalformed})
	}
	l.refuse(t, attacks)
	l.wantOK(l.Sign([]byte(strings.Replace(l.header, ":", ":"+strings.Repeat(" ", 2000), 1)),
		[]byte(strings.Replace(l.payload, ":", ":"+strings.Repeat("\n", 2000), 1)))) // F124
}

func deflated(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte(" "), n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// F116: to the byte, both by default and where the limit is set.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, patient)
	sized := func(n int) string {
		return r.Token(authtest.Header("x", ""), authtest.Set("x", strings.Repeat("a", n)))
	}
	n := 5000
	for len(sized(n+1)) <= 8192 {
		n++
	}
	r.wantOK(sized(n))
	refused(t, r.auth, sized(n+1), client.ErrMalformed)
	if n := len(sized(n)); n < 8190 {
		t.Errorf("the longest token tried is of %d bytes", n)
	}

	token := r.Token()
	r.auth = r.newClient(func(c *client.Config) { c.Tokens.MaxBytes = len(token) })
	r.wantOK(token)
	r.auth = r.newClient(func(c *client.Config) { c.Tokens.MaxBytes = len(token) - 1 })
	refused(t, r.auth, token, client.ErrMalformed)
}

// F114 and F116: no more than the error costs. AllocsPerRun counts the whole
// process: this test is not parallel.
func TestRefusalsAllocateNothing(t *testing.T) {
	r := newRig(t, patient)
	r.wantOK(r.Token())
	for name, token := range map[string]string{
		"F114 a million dots":  strings.Repeat(".", 1_000_000),
		"F116 10 MB, signed":   r.Token(authtest.Set("x", strings.Repeat("a", 10_000_000))),
		"F116 a byte too long": strings.Repeat("a", 8193),
		"C77 300 000 members":  r.Token(authtest.RawPayload([]byte("{" + strings.Repeat(`"c":0,`, 300_000) + `"d":0}`))),
		"C72 200 000 brackets": r.Token(authtest.RawPayload(bytes.Repeat([]byte("["), 200_000))),
		"no token":             "",
	} {
		n := testing.AllocsPerRun(100, func() {
			if _, err := r.auth.Verify(t.Context(), token); err == nil {
				t.Error("accepted")
			}
		})
		if n > 2 {
			t.Errorf("%s: %.0f allocations", name, n)
		}
	}
	// Within the size limit, dots cost the copy of the text.
	if n := testing.AllocsPerRun(100, func() { r.auth.Verify(t.Context(), strings.Repeat(".", 8192)) }); n > 3 {
		t.Errorf("F114 8192 dots: %.0f allocations", n)
	}
}
