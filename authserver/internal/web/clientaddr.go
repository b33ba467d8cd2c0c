package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr is the address that a request came from: the peer's, or where the
// peer is a trusted proxy the last address in X-Forwarded-For that is not one.
// Whatever stands before it was written by the client and does not count. It is
// the zero Addr where the peer has no IP address.
func ClientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if !isTrusted(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = next.Unmap().WithZone("")
		if !isTrusted(addr) {
			break
		}
	}
	return addr
}
