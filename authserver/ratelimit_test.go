package authserver

import (
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// I172: a refused request costs nothing, however many come at once: whoever
// shares an address with a flood waits no longer than for one token.
func TestRefusedRequestsCostNothing(t *testing.T) {
	t.Parallel()
	limit, addr := Limit{Requests: 5, Per: time.Minute}, netip.MustParseAddr("192.0.2.1")
	l, err := newLimiter("test", limit)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	admitted := 0
	for range limit.Requests + 3 {
		if l.take(addr, now) == 0 {
			admitted++
		}
	}
	if admitted != limit.Requests {
		t.Errorf("%d requests admitted at once, want %d", admitted, limit.Requests)
	}
	var flood sync.WaitGroup
	for g := range 64 {
		flood.Go(func() {
			for i := range 300 { // clocks of concurrent requests do not agree
				l.take(addr, now.Add(time.Duration((g*300+i)%7)*time.Microsecond))
			}
		})
	}
	flood.Wait()
	token := limit.Per / time.Duration(limit.Requests)
	if wait := l.take(addr, now); wait <= 0 || wait > token+time.Second {
		t.Errorf("after the flood the next one waits %v, want at most %v", wait, token)
	}
	if wait := l.take(addr, now.Add(token+time.Second)); wait != 0 {
		t.Errorf("a token later the next one still waits %v", wait)
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                               "",
		"Bearer abc":                     "abc",
		"bearer  abc":                    "abc",
		"Basic YTpi":                     "",
		`Digest username="a", realm="b"`: "",
		"Negotiate a b":                  "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", value)
		if got, err := bearer(r); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", value, got, err, want)
		}
	}
	for _, values := range [][]string{{"Bearer a b"}, {"Bearer a,b"}, {"Bearer a", "Bearer a"}, {"Basic a", "Bearer b"}} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = values
		if got, err := bearer(r); err == nil || got != "" {
			t.Errorf("%q: got %q and no error", values, got)
		}
	}
}
