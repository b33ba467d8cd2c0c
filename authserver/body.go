package authserver

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxBody is the largest request body, in bytes.
	maxBody = 100 << 10
	// maxProblems is how many failed constraints an answer lists.
	maxProblems = 20
	// maxText is the longest free text, in characters.
	maxText = 255
	// maxPassword is the longest password that may be set, in characters.
	maxPassword = 128
	// maxLoginPassword bounds what a login looks at, in characters. No
	// password of that length was ever set.
	maxLoginPassword = 1024
)

// form is a JSON object that a client sent. Its methods take one property
// each and note what is wrong with it, in the wording of class-validator;
// finish reports that and every property that was not taken.
type form struct {
	fields   map[string]jsontext.Value
	problems []string
}

// readForm reads the body of a request. No body at all is an empty object, so
// that the answer names what is missing.
func readForm(w http.ResponseWriter, r *http.Request) (*form, error) {
	return readFormUpTo(w, r, maxBody)
}

// readFormUpTo is readForm for a body of another size, in bytes.
func readFormUpTo(w http.ResponseWriter, r *http.Request, most int64) (*form, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, fail(wire.PayloadTooLarge, "request entity too large")
		}
		return nil, fail(wire.InvalidRequest, "Request body could not be read")
	}
	return parseForm(body)
}

func parseForm(body []byte) (*form, error) {
	f := &form{}
	if len(body) == 0 {
		return f, nil
	}
	// Duplicate names, invalid UTF-8 and anything after the object are errors.
	if err := json.Unmarshal(body, &f.fields); err != nil || f.fields == nil {
		return nil, fail(wire.InvalidRequest, "Request body is not a valid JSON object")
	}
	return f, nil
}

// finish is a VALIDATION_FAILED failure if anything was wrong.
func (f *form) finish() error {
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		f.note("property %s should not exist", shorten(name))
	}
	if len(f.problems) == 0 {
		return nil
	}
	return &failure{code: wire.ValidationFailed, message: f.problems[:min(len(f.problems), maxProblems)]}
}

func (f *form) note(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// shorten keeps a stranger's property name from filling the answer.
func shorten(name string) string {
	const longest = 64
	if utf8.RuneCountInString(name) <= longest {
		return name
	}
	return string([]rune(name)[:longest]) + "…"
}

// take removes a property and decodes it into v. present is false where it is
// absent or null, valid where it is of another type.
func (f *form) take(name string, v any) (present, valid bool) {
	raw, ok := f.fields[name]
	delete(f.fields, name)
	if !ok || raw.Kind() == 'n' {
		return false, false
	}
	return true, json.Unmarshal(raw, v) == nil
}

// str takes a required string and says whether it is one.
func (f *form) str(name string) (s string, ok bool) {
	_, ok = f.take(name, &s)
	if !ok {
		f.note("%s must be a string", name)
	}
	return s, ok
}

// password takes a required string of shortest to longest characters: Unicode code
// points, as they were sent.
func (f *form) password(name string, shortest, longest int) string {
	s, ok := f.str(name)
	n := utf8.RuneCountInString(s)
	if !ok || n < shortest {
		f.note("%s must be longer than or equal to %d characters", name, shortest)
	}
	if !ok || n > longest {
		f.note("%s must be shorter than or equal to %d characters", name, longest)
	}
	return s
}

// personName takes the required name of a person, 2 to 255 characters.
func (f *form) personName(name string) string {
	s, ok := f.str(name)
	n := utf8.RuneCountInString(strings.TrimSpace(s))
	if !ok || n < 2 {
		f.note("Name must be at least 2 characters")
	}
	if !ok || n > maxText {
		f.note("%s must be shorter than or equal to %d characters", name, maxText)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		f.note("%s must not contain control characters", name)
	}
	return strings.TrimSpace(s)
}

// account takes what an account is made of.
func (f *form) account(shortestPassword int) (email, password, name string) {
	return f.email("email"), f.password("password", shortestPassword, maxPassword), f.personName("name")
}

// email takes a required e-mail address and returns it as it is stored.
func (f *form) email(name string) string {
	var s string
	if _, ok := f.take(name, &s); ok {
		if address, ok := normalEmail(s); ok {
			return address
		}
	}
	f.note("%s must be an email", name)
	return ""
}

// optional takes a string that may be absent or null.
func (f *form) optional(name string) string {
	var s string
	present, valid := f.take(name, &s)
	switch {
	case !present:
	case !valid:
		f.note("%s must be a string", name)
	case utf8.RuneCountInString(s) > maxText:
		f.note("%s must be shorter than or equal to %d characters", name, maxText)
	case strings.ContainsFunc(s, unicode.IsControl):
		f.note("%s must not contain control characters", name)
	default:
		return s
	}
	return ""
}

// flag takes a boolean that may be absent or null.
func (f *form) flag(name string) (set bool) {
	if present, valid := f.take(name, &set); present && !valid {
		f.note("%s must be a boolean value", name)
	}
	return set
}
