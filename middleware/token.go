package middleware

import (
	"errors"
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
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
// package comment.
func bearer(lines []string) (string, error) {
	token, found := wire.Bearer(lines)
	return token, credentialsErrors[found]
}

// credentialsErrors is what each form of the header means for a guard; nil
// where nothing is wrong with it.
var credentialsErrors = [...]error{
	wire.NoAuthorization: nil,
	wire.BearerToken:     nil,
	wire.OtherScheme:     errScheme,
	wire.NoScheme:        errNoScheme,
	wire.NoToken:         errNoValue,
	wire.SeveralHeaders:  errTwoHeaders,
	wire.TabAfterScheme:  errSeparator,
	wire.SchemeTwice:     errTwoSchemes,
	wire.ExtraWords:      errExtraWord,
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
			token, found = unquoted(strings.Trim(value, blanks)), true
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
