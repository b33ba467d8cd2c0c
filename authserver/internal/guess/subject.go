package guess

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/subnet"
)

// subject names whatever has a counter by a keyed digest, so that a copy of the
// database tells neither addresses nor devices.
func (g *Guard) subject(kind string, parts ...string) store.Digest {
	mac := hmac.New(sha256.New, g.config.Key)
	for _, part := range append([]string{kind}, parts...) {
		var length [4]byte
		for i := range length {
			length[i] = byte(len(part) >> (8 * i))
		}
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return store.Digest(mac.Sum(nil))
}

// Device is the name under which a device of an account is known: that of the
// id that it sends, or where it sends none that of its address. An IPv6 address
// stands for its /64. ok is false where there is neither, or no Guard.
func (g *Guard) Device(account, id string, addr netip.Addr) (device store.Digest, ok bool) {
	switch {
	case g == nil:
	case id != "":
		return g.subject("device", account, id), true
	case addr.IsValid():
		return g.subject("device address", account, Address(addr)), true
	}
	return store.Digest{}, false
}

// Address is what counts as one address: an IPv4 address, or the /64 of an IPv6
// address. It is empty where the address is unknown.
func Address(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return subnet.Client(addr).String()
}
