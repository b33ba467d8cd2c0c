package form

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

var (
	// atom is a dot-separated part of the local part (RFC 5322 section 3.2.3,
	// with the letters of RFC 6531). Quoted forms are not taken.
	atom = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\\p{L}\\p{M}\\p{N}-]+$")
	// label is a part of the domain (RFC 1035 section 2.3.1, with the letters
	// of internationalised names).
	label = regexp.MustCompile(`^[a-zA-Z0-9\p{L}\p{M}\p{N}]([a-zA-Z0-9\p{L}\p{M}\p{N}-]*[a-zA-Z0-9\p{L}\p{M}\p{N}])?$`)
)

// NormalEmail checks an e-mail address and returns the form in which it is
// stored and looked up: Unicode NFC with its case folded, and the domain as in
// the DNS, in ASCII. ok is false for a text that is not an address, for a domain
// without a dot and for an address over 254 bytes (RFC 5321 section 4.5.3.1).
func NormalEmail(s string) (address string, ok bool) {
	if !utf8.ValidString(s) || len(s) > 254 {
		return "", false
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 {
		return "", false
	}
	local, domain := s[:at], s[at+1:]
	for part := range strings.SplitSeq(local, ".") {
		if !atom.MatchString(part) {
			return "", false
		}
	}
	labels := strings.Split(domain, ".")
	for _, part := range labels {
		if len(part) > 63 || !label.MatchString(part) {
			return "", false
		}
	}
	top := labels[len(labels)-1]
	if len(labels) < 2 || utf8.RuneCountInString(top) < 2 || !strings.ContainsFunc(top, unicode.IsLetter) {
		return "", false
	}
	domain, ok = asciiDomain(domain)
	address = foldCase(norm.NFC.String(local)) + "@" + domain
	if !ok || len(address) > 254 {
		return "", false
	}
	return address, true
}

// EmailSpellings are the forms in which earlier versions and the existing
// service may have stored an address: the address itself, which NormalEmail has
// made, and those with a domain in Unicode or the small sigma of a word's end.
func EmailSpellings(address string) []string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return []string{address}
	}
	local, domain := address[:at], address[at+1:]
	spellings := []string{address}
	readable := unicodeDomain(domain)
	if readable != domain {
		spellings = append(spellings, local+"@"+readable)
	}
	if word, ends := strings.CutSuffix(local, "σ"); ends {
		spellings = append(spellings, word+"ς@"+domain)
		if readable != domain {
			spellings = append(spellings, word+"ς@"+readable)
		}
	}
	return spellings
}

var folding = cases.Fold()

// foldCase folds the case of each letter that folds to one letter (Unicode,
// simple case folding), and writes the others in lower case. Folding ß to ss
// would make one address of two mailboxes.
func foldCase(s string) string {
	var b strings.Builder
	for _, letter := range s {
		if letter < utf8.RuneSelf {
			b.WriteRune(unicode.ToLower(letter))
			continue
		}
		folded := folding.String(string(letter))
		if utf8.RuneCountInString(folded) != 1 {
			folded = strings.ToLower(string(letter))
		}
		b.WriteString(folded)
	}
	return b.String()
}
