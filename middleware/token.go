package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/client"
)

// What is wrong with the credentials before anyone looks at the token.
var (
	errTwoHeaders = fmt.Errorf("%w: several Authorization headers", client.ErrBadRequest)
	errSeparator  = fmt.Errorf("%w: no space after the scheme", client.ErrBadRequest)
	errExtraWord  = fmt.Errorf("%w: more than a token after the scheme", client.ErrBadRequest)
	errTwoCookies = fmt.Errorf("%w: several cookies with a token", client.ErrBadRequest)
	errTwoSources = fmt.Errorf("%w: a token in the header and in a cookie", client.ErrBadRequest)
	errNoValue    = fmt.Errorf("%w: scheme without a token", client.ErrUnauthenticated)
	errScheme     = fmt.Errorf("%w: not the Bearer scheme", client.ErrUnauthenticated)
)

const blanks = " \t"

// token finds the token that r sends; empty and no error when it sends none.
func (g *Guard) token(r *http.Request) (string, error) {
	token, err := bearer(r.Header["Authorization"])
	if g.cookie == "" || err != nil && !errors.Is(err, errScheme) {
		return token, err
	}
	baked, bad := cookie(r.Header["Cookie"], g.cookie)
	switch {
	case bad != nil:
		return "", bad
	case baked == "":
		return token, err
	case token == "":
		return baked, nil
	default:
		return "", errTwoSources
	}
}

// bearer reads the lines of the Authorization header by the rule of the
// package comment. It takes linear time and allocates nothing.
func bearer(lines []string) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", errTwoHeaders
	}
	line := strings.Trim(lines[0], blanks)
	if line == "" {
		return "", nil
	}
	const scheme = "Bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", errScheme
	}
	rest := line[len(scheme):]
	switch {
	case rest == "":
		return "", errNoValue
	case rest[0] == '\t':
		return "", errSeparator
	case rest[0] != ' ':
		return "", errScheme // a longer word
	}
	token := strings.TrimLeft(rest, " ")
	if strings.IndexByte(token, ' ') >= 0 || strings.IndexByte(token, '\t') >= 0 {
		return "", errExtraWord
	}
	return token, nil
}

// cookie finds the value of the cookie called name. It reads the lines itself:
// net/http drops a cookie whose value it does not like, and a bad token would
// become no token.
func cookie(lines []string, name string) (string, error) {
	var token string
	var found bool
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(pair, "=")
			if strings.Trim(key, blanks) != name {
				continue
			}
			if found {
				return "", errTwoCookies
			}
			token, found = strings.Trim(value, blanks), true
		}
	}
	return token, nil
}
