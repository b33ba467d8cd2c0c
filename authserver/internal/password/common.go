package password

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// commonList has the 17 950 most common passwords of at least eight characters,
// in lower case, one a line (docs/decisions/0023-common-passwords.md says where they come from).
//
//go:embed common.txt.gz
var commonList []byte

var common = sync.OnceValue(func() map[string]struct{} {
	known := make(map[string]struct{}, 18_000)
	// The list is part of the program, and a test reads it to its end.
	packed, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic("password: " + err.Error())
	}
	lines := bufio.NewScanner(packed)
	for lines.Scan() {
		known[lines.Text()] = struct{}{}
	}
	return known
})

// minWord is the least number of characters of a word that a password must not
// contain. Shorter ones are in many good passwords by chance.
const minWord = 4

// Weakness is why a password is easily guessed.
type Weakness int

// The kinds of Weakness.
const (
	NotWeak Weakness = iota
	Common           // one of the most common passwords (OWASP ASVS 5.0, 6.2.4)
	HasEmail
	HasService
)

// Weak says why a password should not be set by whoever has that e-mail address
// at a service of these names, or that it may be. Case and the forms of a
// character make no difference.
func Weak(password, email string, services ...string) Weakness {
	plain := fold(password)
	if _, known := common()[plain]; known {
		return Common
	}
	local, _, _ := strings.Cut(email, "@")
	if contains(plain, local) {
		return HasEmail
	}
	for _, name := range services {
		if contains(plain, name) {
			return HasService
		}
	}
	return NotWeak
}

func contains(plain, word string) bool {
	word = fold(word)
	return len([]rune(word)) >= minWord && strings.Contains(plain, word)
}

func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }
