package middleware

import (
	"errors"
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/client"
)

// credentialsError is what is wrong with the form of the credentials, before
// anyone looks at the token. The reason is a fixed text: it says what the
// header holds without a word of it, since that may be the token.
type credentialsError struct {
	kind   error
	reason string
}

func (e *credentialsError) Error() string { return e.kind.Error() + ": " + e.reason }
func (e *credentialsError) Unwrap() error { return e.kind }

var (
	errTwoHeaders = &credentialsError{client.ErrBadRequest, "there are several Authorization headers"}
	errSeparator  = &credentialsError{client.ErrBadRequest, "the Authorization header has a tab after Bearer in place of a space"}
	errExtraWord  = &credentialsError{client.ErrBadRequest, "the Authorization header has more than one word after Bearer"}
	errTwoSchemes = &credentialsError{client.ErrBadRequest, "the Authorization header has the word Bearer twice"}
	errTwoCookies = &credentialsError{client.ErrBadRequest, "there are several cookies of the token's name"}
	errTwoSources = &credentialsError{client.ErrBadRequest, "there is one in the Authorization header and one in a cookie"}
	errNoValue    = &credentialsError{client.ErrUnauthenticated, "the Authorization header has nothing after Bearer"}
	errNoScheme   = &credentialsError{client.ErrUnauthenticated, "the Authorization header holds one word, and must hold Bearer, a space and the token"}
	errScheme     = &credentialsError{client.ErrUnauthenticated, "the Authorization header has another scheme, and must hold Bearer, a space and the token"}
)

const blanks = " \t"

// token finds the token that r sends; empty and no error when it sends none.
func (g *Guard) token(r *http.Request) (string, error) {
	token, err := bearer(r.Header["Authorization"])
	if g.cookie == "" || err != nil && !errors.Is(err, errScheme) && !errors.Is(err, errNoScheme) {
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
	line := trimmed(lines[0])
	if line == "" {
		return "", nil
	}
	const scheme = "Bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", otherScheme(line)
	}
	rest := line[len(scheme):]
	switch {
	case rest == "":
		return "", errNoValue
	case rest[0] == '\t':
		return "", errSeparator
	case rest[0] != ' ':
		return "", otherScheme(line) // the first word is longer than Bearer
	}
	token := strings.TrimLeft(rest, " ")
	switch {
	case strings.IndexByte(token, ' ') < 0 && strings.IndexByte(token, '\t') < 0:
		return token, nil
	case strings.EqualFold(token[:strings.IndexAny(token, blanks)], scheme):
		return "", errTwoSchemes
	default:
		return "", errExtraWord
	}
}

// trimmed is strings.Trim of blanks, and faster where there is little to trim.
func trimmed(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func otherScheme(line string) error {
	if strings.ContainsAny(line, blanks) {
		return errScheme
	}
	return errNoScheme
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
			if trimmed(key) != name {
				continue
			}
			if found {
				return "", errTwoCookies
			}
			token, found = unquoted(trimmed(value)), true
		}
	}
	return token, nil
}

// unquoted takes off the quotes that may stand around the value of a cookie and
// are no part of it (RFC 6265 section 4.1.1).
func unquoted(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
