package credits

import (
	"crypto/rand"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxAmount is the largest amount of an operation, in credits.
const MaxAmount = 1<<53 - 1

const (
	maxText = 255 // of a user id, a key and other ids, in bytes
)

var errAnswer = errors.New("not the answer that was asked for")

// into decodes a body strictly and holds it to having these members, and not
// as null.
func (a *answer) into(body any, members ...string) error {
	var have map[string]jsontext.Value
	if err := json.Unmarshal(a.body, &have); err != nil {
		return errAnswer
	}
	for _, name := range members {
		if value, ok := have[name]; !ok || value.Kind() == 'n' {
			return errAnswer
		}
	}
	if err := json.Unmarshal(a.body, body); err != nil {
		return errAnswer
	}
	return nil
}

// sane refuses figures that no ledger has.
func sane(figures ...int64) error {
	for _, n := range figures {
		if n < 0 || n > MaxAmount {
			return errAnswer
		}
	}
	return nil
}

func checkAmount(amount int64) error {
	if amount <= 0 || amount > MaxAmount {
		return invalid("the amount must be a whole number from 1 to 2^53-1")
	}
	return nil
}

// checkUser refuses what is no user's id. It stands in a path: "..", or a
// slash that a proxy decodes, would make it another one.
func checkUser(id string) error {
	if !isID(id) || id == "." || id == ".." {
		return invalid("the user id must be 1 to 255 bytes without blanks, slashes and control characters")
	}
	return nil
}

func checkID(id string) error {
	if !isID(id) {
		return invalid("the id must be 1 to 255 bytes without blanks, slashes and control characters")
	}
	return nil
}

func isID(id string) bool {
	return id != "" && len(id) <= maxText && utf8.ValidString(id) && strings.IndexFunc(id, func(c rune) bool {
		return c == '/' || c == '\\' || unicode.IsSpace(c) || unicode.IsControl(c)
	}) < 0
}

// keyOr returns the caller's key, or a new one for this call.
func keyOr(key string) (string, error) {
	if key == "" {
		return "go-" + rand.Text(), nil
	}
	if len(key) > maxText || strings.IndexFunc(key, notVisible) >= 0 {
		return "", invalid("the key must be at most 255 visible ASCII characters")
	}
	return key, nil
}
