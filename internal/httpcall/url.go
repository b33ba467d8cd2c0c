package httpcall

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// These are reasons why a text is not the URL of a server.
var (
	errURL      = errors.New("must be https://host[:port][/path], or http:// where that is allowed")
	errUser     = errors.New("holds a user or password, and URLs get into logs: it must be https://host[:port][/path]")
	errQuery    = errors.New(`must end with the path: a "?" or "#" would take what is appended to it into the query`)
	errPath     = errors.New(`holds "..", an empty segment or an escape in its path, which servers read differently`)
	errHostPort = errors.New("must name a host, and a port from 1 to 65535 if any")
)

// BaseURL reads the base URL of a server, to which the paths of the contract
// are appended, and returns it in its one spelling: lower-case scheme and host,
// no slash at the end. It must be https, name this machine, or name one of the
// plaintext hosts, which nobody else can listen to. The error continues a
// sentence that begins with what holds the URL; it quotes of the text what can't
// be a password. variable is what names more plaintext hosts.
func BaseURL(text string, plaintext []string, variable string) (string, error) {
	u, err := parse(text, plaintext, variable)
	if err != nil {
		return "", err
	}
	base := origin(u) + strings.TrimRight(u.EscapedPath(), "/")
	if before, _, found := strings.Cut(base+"/", "/api/v1/"); found {
		return "", quoted(text, fmt.Errorf("must be the URL before the /api/v1, which is appended to it: %s", before))
	}
	return base, nil
}

// EndpointURL is BaseURL for a URL that is called as it is.
func EndpointURL(text string, plaintext []string, variable string) (string, error) {
	u, err := parse(text, plaintext, variable)
	if err != nil {
		return "", err
	}
	return origin(u) + u.EscapedPath(), nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + strings.ToLower(u.Host) }

func parse(text string, plaintext []string, variable string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return nil, errUser // also where the text does not parse
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Opaque != "":
		return nil, quoted(text, errURL)
	case u.ForceQuery, u.RawQuery != "", strings.Contains(text, "#"):
		return nil, quoted(text[:strings.IndexAny(text, "?#")+1], errQuery) // behind it may be a secret
	case !validHost(u):
		return nil, quoted(text, errHostPort)
	case !plainPath(u):
		return nil, quoted(text, errPath)
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme == "http" && !thisMachine(host) && !names(plaintext, host) {
		return nil, quoted(text, fmt.Errorf("is plain http to another machine, where anybody on the way can read tokens and replace keys: use https, or, where nobody else can listen, set %s=%s",
			variable, strings.Join(append(slices.Clone(plaintext), host), ",")))
	}
	return u, nil
}

func quoted(text string, err error) error { return fmt.Errorf("is %q, and %w", text, err) }

func validHost(u *url.URL) bool {
	host := u.Hostname()
	if host == "" || strings.ContainsAny(host, " %\"'<>\\^`{|},;") || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

func plainPath(u *url.URL) bool {
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path == "" {
		return true
	}
	if strings.ContainsAny(path, "%\\;") {
		return false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func names(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(named string) bool { return strings.EqualFold(named, host) })
}

// CheckHosts refuses a list of plaintext hosts that holds something other than
// host names or addresses, such as a URL, a host with its port or a pattern:
// it would name no host.
func CheckHosts(hosts []string) error {
	for _, host := range hosts {
		bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		if net.ParseIP(bare) != nil && bare == host {
			continue
		}
		if host == "" || strings.ContainsAny(host, ":/@*?#[] %\"'\\") {
			return fmt.Errorf("holds %q, and must hold host names without scheme, port or path", host)
		}
	}
	return nil
}
