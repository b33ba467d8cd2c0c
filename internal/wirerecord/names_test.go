package wirerecord

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// names gives every id, token and instant a name of its kind and of the order
// in which it first appears, so that equal values stay equal from one run to
// the next.
type names struct {
	known  map[string]string
	counts map[string]int
	fresh  []string
}

func newNames() *names { return &names{known: map[string]string{}, counts: map[string]int{}} }

// of is the name of a value.
func (n *names) of(kind, value string) string {
	name, ok := n.known[value]
	if !ok {
		n.counts[kind]++
		name = fmt.Sprintf("<%s %d>", kind, n.counts[kind])
		n.known[value] = name
	}
	return name
}

var (
	publicKey = regexp.MustCompile(`"x":"([A-Za-z0-9_-]{43})"`)
	instant   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	seconds   = regexp.MustCompile(`"(iat|exp)":(\d{10})`)
	run       = regexp.MustCompile(`[A-Za-z0-9_.-]{32,}`)
	uuid      = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	plainID   = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)
	opaque    = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	access    = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
)

// replace puts names in the place of values.
func (n *names) replace(text string) string {
	text = publicKey.ReplaceAllStringFunc(text, func(s string) string {
		return `"x":"` + n.of("public key", publicKey.FindStringSubmatch(s)[1]) + `"`
	})
	text = seconds.ReplaceAllStringFunc(text, func(s string) string {
		parts := seconds.FindStringSubmatch(s)
		at, _ := strconv.ParseInt(parts[2], 10, 64) // ten digits are a number
		return `"` + parts[1] + `":` + n.explained("second", parts[2], time.Unix(at, 0).Sub(begin.Truncate(time.Second)).String()+" from the beginning")
	})
	text = instant.ReplaceAllStringFunc(text, func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return n.explained("instant", s, at.Sub(begin).String()+" from the beginning")
	})
	return run.ReplaceAllStringFunc(text, n.one)
}

// one is the name of a run of characters that may be an id or a token.
func (n *names) one(s string) string {
	if name, ok := n.known[s]; ok {
		return name
	}
	switch {
	case access.MatchString(s):
		return n.explained("access token", s, n.claims(s))
	case strings.HasPrefix(s, "mana_sk_"):
		return n.of("service key", s)
	case uuid.MatchString(s), plainID.MatchString(s):
		return n.of("id", s)
	case opaque.MatchString(s):
		return n.of("token", s)
	}
	return s
}

// claims are the header and the payload of an access token.
func (n *names) claims(token string) string {
	parts := strings.Split(token, ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return "not base64url"
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "not base64url"
	}
	return n.replace(string(header) + "." + string(payload))
}

// explained is of, with a line about a value that is new.
func (n *names) explained(kind, value, about string) string {
	_, old := n.known[value]
	name := n.of(kind, value)
	if !old {
		n.fresh = append(n.fresh, name+" is "+about)
	}
	return name
}

// news are the lines about the values that appeared since the last call.
func (n *names) news() []string {
	news := n.fresh
	n.fresh = nil
	return news
}
