package web

import (
	"bytes"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
		unread    string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1", ""},
		{"[::ffff:192.0.2.1]:1", nil, "192.0.2.1", ""},
		{"[fe80::1%eth0]:1", nil, "fe80::1", ""},
		{"192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1", ""},
		{"10.0.0.1:1", nil, "10.0.0.1", ""},
		{"10.0.0.1:1", []string{"192.0.2.1"}, "192.0.2.1", ""},
		{"[fd00::1]:1", []string{" 192.0.2.1 "}, "192.0.2.1", ""},
		{"10.0.0.1:1", []string{"6.6.6.6, 192.0.2.1,10.0.0.2"}, "192.0.2.1", ""},
		{"10.0.0.1:1", []string{"6.6.6.6", "192.0.2.1"}, "192.0.2.1", ""},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", ""},
		{"10.0.0.1:1", []string{"6.6.6.6, garbage"}, "10.0.0.1", "garbage"},
		{"10.0.0.1:1", []string{"6.6.6.6, garbage, 10.0.0.2"}, "10.0.0.2", "garbage"},
		{"@", nil, "invalid IP", ""},
		// O9: the dialects of proxies.
		{"10.0.0.1:1", []string{"203.0.113.21:4431"}, "203.0.113.21", ""},
		{"10.0.0.1:1", []string{"6.6.6.6:1, 203.0.113.21:4431, 10.0.0.2:80"}, "203.0.113.21", ""},
		{"10.0.0.1:1", []string{"[2001:db8::1]:4431"}, "2001:db8::1", ""},
		{"10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1", ""},
		{"10.0.0.1:1", []string{"2001:db8::1"}, "2001:db8::1", ""},
		{"10.0.0.1:1", []string{"[::ffff:203.0.113.21]:1"}, "203.0.113.21", ""},
		{"10.0.0.1:1", []string{"[fe80::1%eth0]:1"}, "fe80::1", ""},
		{"10.0.0.1:1", []string{"203.0.113.21,"}, "203.0.113.21", ""},
		{"10.0.0.1:1", []string{"203.0.113.21", ""}, "203.0.113.21", ""},
		{"10.0.0.1:1", []string{""}, "10.0.0.1", ""},
		{"10.0.0.1:1", []string{"[203.0.113.21]"}, "10.0.0.1", "[203.0.113.21]"},
		{"10.0.0.1:1", []string{"203.0.113.21:"}, "10.0.0.1", "203.0.113.21:"},
		{"10.0.0.1:1", []string{"203.0.113.21:99999"}, "10.0.0.1", "203.0.113.21:99999"},
		{"10.0.0.1:1", []string{"unknown"}, "10.0.0.1", "unknown"},
		{"192.0.2.1:1", []string{"unknown"}, "192.0.2.1", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got, unread := ClientAddr(r, trusted); got.String() != test.want || unread != test.unread {
			t.Errorf("%s, %q: %s and %q unread, want %s and %q", test.peer, test.forwarded, got, unread, test.want, test.unread)
		}
	}
}

// TestO9Forwarded: the other header is not read, and does not go unnoticed where
// it is alone.
func TestO9Forwarded(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("Forwarded", "for=203.0.113.21")
	if got, unread := ClientAddr(r, trusted); got.String() != "10.0.0.1" || unread != "for=203.0.113.21" {
		t.Errorf("alone: %s, %q unread", got, unread)
	}
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	if got, unread := ClientAddr(r, trusted); got.String() != "192.0.2.1" || unread != "" {
		t.Errorf("beside X-Forwarded-For: %s, %q unread", got, unread)
	}
}

// TestO9Warning: what cannot be read is a warning, once a minute.
func TestO9Warning(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := responder(&log)
	o.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	clock := o.Clock.(*clocktest.Clock)
	ask := func(forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("X-Forwarded-For", forwarded)
		o.Addr(r)
	}
	for _, step := range []struct {
		forwarded string
		wait      time.Duration
		want      int // warnings so far
	}{
		{"192.0.2.1:80", 0, 0}, {"unix:", 0, 1}, {"unix:", 59 * time.Second, 1}, {strings.Repeat("x", 1000), time.Second, 2}, {"192.0.2.1", 0, 2},
	} {
		clock.Advance(step.wait)
		ask(step.forwarded)
		if got := strings.Count(log.String(), "level=WARN"); got != step.want {
			t.Errorf("after %.20q: %d warnings, want %d", step.forwarded, got, step.want)
		}
	}
	if strings.Contains(log.String(), strings.Repeat("x", maxHinted+1)) {
		t.Error("a warning is as long as a stranger likes")
	}
}
