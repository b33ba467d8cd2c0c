package wire

import "strings"

// Authorization is what the Authorization header of a request holds.
type Authorization int

// What an Authorization header may hold. The first two are good or at least
// plain; the rest says what is wrong with its form.
const (
	NoAuthorization Authorization = iota // there is no header, or an empty one
	BearerToken                          // Bearer, a space and a token
	OtherScheme                          // another scheme than Bearer
	NoScheme                             // one word alone
	NoToken                              // Bearer alone
	SeveralHeaders                       // more than one header
	TabAfterScheme                       // a tab after Bearer in place of a space
	SchemeTwice                          // the word Bearer twice
	ExtraWords                           // more than one word after Bearer
)

const blanks = " \t"

// Bearer reads the lines of the Authorization header (RFC 6750 section 2.1). The
// scheme counts in any case (RFC 9110 section 11.1) and may be followed by
// several spaces. What the token holds is the verifier's business. It takes
// linear time and allocates nothing.
func Bearer(lines []string) (token string, found Authorization) {
	if len(lines) == 0 {
		return "", NoAuthorization
	}
	if len(lines) > 1 {
		return "", SeveralHeaders
	}
	line := trimmed(lines[0])
	if line == "" {
		return "", NoAuthorization
	}
	const scheme = "Bearer"
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return "", otherScheme(line)
	}
	rest := line[len(scheme):]
	switch {
	case rest == "":
		return "", NoToken
	case rest[0] == '\t':
		return "", TabAfterScheme
	case rest[0] != ' ':
		return "", otherScheme(line) // the first word is longer than Bearer
	}
	token = strings.TrimLeft(rest, " ")
	end := strings.IndexAny(token, blanks)
	switch {
	case end < 0:
		return token, BearerToken
	case strings.EqualFold(token[:end], scheme):
		return "", SchemeTwice
	}
	return "", ExtraWords
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

func otherScheme(line string) Authorization {
	if strings.ContainsAny(line, blanks) {
		return OtherScheme
	}
	return NoScheme
}
