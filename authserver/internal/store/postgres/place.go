package postgres

import (
	"errors"
	"net/url"
	"strings"
)

// errMalformed is all that is said about a URL of which nobody knows which part
// is the password.
var errMalformed = errors.New("the database URL is malformed; characters such as / ? # @ % in a password are written as %2F %3F %23 %40 %25")

func isURL(databaseURL string) bool {
	return strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://")
}

// ambiguous says whether a URL has an @ behind the host: then the password has
// probably a character in it that ends the host, and what is taken for the
// host, or for the database, is a part of it.
func ambiguous(u *url.URL) bool {
	return strings.Contains(u.EscapedPath(), "@") || u.Path == "" && strings.Contains(u.RawQuery, "@")
}

// parse parses a URL of which it is clear what the password is. pgx takes a #
// for a part of it; everybody else takes it for its end.
func parse(databaseURL string) (*url.URL, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || ambiguous(u) || strings.Contains(databaseURL, "#") {
		return nil, errMalformed
	}
	return u, nil
}

// Place says where the database at databaseURL is, for a reader. It shows
// nothing that may be a password.
func Place(databaseURL string) string {
	u, err := parse(databaseURL)
	if err != nil || !isURL(databaseURL) {
		return "PostgreSQL"
	}
	return "PostgreSQL at " + u.Host + u.Path
}
