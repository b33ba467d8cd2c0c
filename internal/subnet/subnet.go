// Package subnet says which part of an IP address stands for one client.
package subnet

import "net/netip"

// Client is what counts as one client: an IPv4 address, or the /64 of an IPv6
// one, since one customer has a whole /64 and a bound for single addresses would
// bound nobody. It is the zero Prefix where the address is not known.
func Client(addr netip.Addr) netip.Prefix { return Of(addr, 32, 64) }

// Of is the network of an address, of so many bits for IPv4 and for IPv6. An IPv4
// address that is written as an IPv6 one counts as IPv4, and a zone does not
// count. It is the zero Prefix where the address is not known.
func Of(addr netip.Addr, bits4, bits6 int) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := bits6
	if addr.Is4() {
		bits = bits4
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
