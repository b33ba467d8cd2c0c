package form

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// domains reads domain names as browsers do (UTS 46, non-transitional), so that
// a name has one form however it is typed: that of the DNS, in ASCII.
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.StrictDomainName(false), idna.CheckHyphens(false), idna.VerifyDNSLength(true))

// asciiDomain is the form of a domain name in the DNS, in lower case.
func asciiDomain(name string) (ascii string, ok bool) {
	ascii, err := domains.ToASCII(name)
	return ascii, err == nil && !strings.ContainsFunc(ascii, func(c rune) bool {
		return !isAlphanumeric(c) && c != '-' && c != '.' && c != '_'
	})
}

// unicodeDomain is the form of a domain name that people read.
func unicodeDomain(ascii string) string {
	if unicode, err := domains.ToUnicode(ascii); err == nil {
		return unicode
	}
	return ascii
}

// defaultPorts are the ports that browsers leave out.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// Origin reads a web origin, and returns it as browsers spell it: scheme and
// host in lower case, the host in ASCII, without the scheme's own port. One that
// no browser would send is an error. A wildcard is one too: it would hand every
// page of a domain, or of the web, its visitors' tokens.
func Origin(s string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || strings.ContainsAny(s, "*?#") {
		return "", errors.New("is not of the form scheme://host[:port]")
	}
	host, ok := originHost(u)
	if !ok {
		return "", errors.New("has a host that no browser sends")
	}
	port := u.Port()
	if _, after, found := strings.Cut(u.Host[strings.LastIndexByte(u.Host, ']')+1:], ":"); found {
		n, err := strconv.ParseUint(after, 10, 16)
		if err != nil || n == 0 {
			return "", errors.New("has a port that is not from 1 to 65535")
		}
		port = strconv.FormatUint(n, 10)
	}
	if port == "" || port == defaultPorts[u.Scheme] {
		return u.Scheme + "://" + host, nil
	}
	return u.Scheme + "://" + host + ":" + port, nil
}

// originHost is the host of an origin as browsers spell it.
func originHost(u *url.URL) (string, bool) {
	name := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(name)
		return "[" + addr.String() + "]", err == nil && addr.Is6() && addr.Zone() == "" && !addr.Is4In6()
	}
	host, ok := asciiDomain(name)
	if !ok {
		return "", false
	}
	// Browsers take a name whose last part is a number for an IPv4 address.
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	if _, err := strconv.ParseUint(strings.TrimSuffix(last, "."), 0, 64); err == nil {
		addr, err := netip.ParseAddr(host)
		return host, err == nil && addr.Is4()
	}
	return host, true
}
