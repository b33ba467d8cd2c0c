package subnet

import (
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"192.0.2.7":           {"192.0.2.7/32", "192.0.2.0/24"},
		"::ffff:192.0.2.7":    {"192.0.2.7/32", "192.0.2.0/24"},
		"2001:db8:1:2:3::4":   {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"fe80::1:2:3:4%eth0":  {"fe80::/64", "fe80::/48"},
		"2001:db8:1:2:3::4%7": {"2001:db8:1:2::/64", "2001:db8:1::/48"},
	} {
		addr := netip.MustParseAddr(address)
		if got := Client(addr).String(); got != want[0] {
			t.Errorf("Client(%s) is %s, want %s", address, got, want[0])
		}
		if got := Of(addr, 24, 48).String(); got != want[1] {
			t.Errorf("Of(%s, 24, 48) is %s, want %s", address, got, want[1])
		}
	}
	if got := Client(netip.Addr{}); got.IsValid() {
		t.Errorf("Client of no address is %s", got)
	}
}
