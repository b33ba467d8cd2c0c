package web

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
		{"[fe80::1%eth0]:1", nil, "fe80::1"},
		{"192.0.2.1:1", []string{"6.6.6.6"}, "192.0.2.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"[fd00::1]:1", []string{" 192.0.2.1 "}, "192.0.2.1"},
		{"10.0.0.1:1", []string{"6.6.6.6, 192.0.2.1,10.0.0.2"}, "192.0.2.1"},
		{"10.0.0.1:1", []string{"6.6.6.6", "192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1", []string{"6.6.6.6, garbage"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"6.6.6.6, garbage, 10.0.0.2"}, "10.0.0.2"},
		{"@", nil, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got := ClientAddr(r, trusted).String(); got != test.want {
			t.Errorf("%s, %q: %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
}
