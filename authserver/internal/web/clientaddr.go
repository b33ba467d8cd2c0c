package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

const forwardedFor = "X-Forwarded-For"

// ClientAddr is the address that a request came from: the peer's, or where the
// peer is a trusted proxy the last address in X-Forwarded-For that is not one.
// Whatever stands before it was written by the client and does not count. It is
// the zero Addr where the peer has no IP address.
//
// unread is what a trusted proxy has written and this function cannot read, and
// is empty where there is no such thing. The address is then that of a proxy,
// which many clients share. Forwarded (RFC 7239) is not read: a proxy that
// writes the one header passes the other on as a client has written it.
func ClientAddr(r *http.Request, trusted []netip.Prefix) (addr netip.Addr, unread string) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, ""
	}
	addr = plainAddr(peer.Addr())
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if !isTrusted(addr) {
		return addr, ""
	}
	lines := r.Header.Values(forwardedFor)
	if only := r.Header.Get("Forwarded"); len(lines) == 0 && only != "" {
		return addr, only
	}
	for _, hop := range slices.Backward(strings.Split(strings.Join(lines, ","), ",")) {
		if hop = strings.TrimSpace(hop); hop == "" {
			continue // a list may have empty elements (RFC 9110 section 5.6.1)
		}
		next, ok := readHop(hop)
		if !ok {
			return addr, hop
		}
		if addr = next; !isTrusted(addr) {
			break
		}
	}
	return addr, ""
}

// readHop reads an address as one of the many proxies writes it: alone, in
// brackets or with a port.
func readHop(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(hop); err == nil {
		return plainAddr(addr), true
	}
	if pair, err := netip.ParseAddrPort(hop); err == nil {
		return plainAddr(pair.Addr()), true
	}
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			addr, err := netip.ParseAddr(inner)
			return plainAddr(addr), err == nil && addr.Is6()
		}
	}
	return netip.Addr{}, false
}

// plainAddr is the one form of an address: an IPv4 address as such, and an IPv6
// address without its zone.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
