// Package form checks what callers send: JSON objects, query strings and the
// arguments of an operator's commands, by the same rules and in the same words.
//
// A form is a list of fields. A field says its name, what it holds and where
// the value goes, so that the check and the description of a route come from
// one declaration. Problems are worded as class-validator words them, one text
// for each failed constraint, in the order of the fields.
package form

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxProblems is how many failed constraints an answer lists.
const maxProblems = 20

// ErrMalformed means that the body is not a JSON object, or has duplicate names
// or invalid UTF-8.
var ErrMalformed = errors.New("not a valid JSON object")

// InvalidError lists the constraints that failed, at most 20.
type InvalidError struct{ Problems []string }

func (e *InvalidError) Error() string { return strings.Join(e.Problems, ", ") }

// Invalid returns an InvalidError with the problems, or nil where there are
// none.
func Invalid(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{problems[:min(len(problems), maxProblems)]}
}

// Schema is what a field holds, for a description of the route. Lengths are in
// characters unless Type says otherwise.
type Schema struct {
	Type     string // "string", "integer", "boolean" or "object"
	Format   string // "email", "password", "uuid", "date" or empty
	Min, Max int64  // bounds of a string's length or of a number; zero means no bound
}

// Field is one property of a form.
type Field struct {
	Name     string
	Required bool
	Schema   Schema
	// inner is how many members and elements the value may have, at any depth.
	// Zero means that they count against MaxMembers.
	inner int
	// open is set on the field that stands for all properties without a field.
	open bool
	// take decodes the property, stores the value and returns what is wrong
	// with it. raw is nil where the property is absent.
	take func(name string, raw jsontext.Value) (problems []string)
}

// Others is the last field of a form whose further properties are ignored. It
// has no name, and descriptions leave it out.
var Others = Field{open: true}

// Parse reads a JSON object into fields. An empty body is an empty object, so
// that the answer names what is missing. The error is an InvalidError where
// constraints failed; a property without a field is one of them. It is
// ErrTooMany where the body has more than MaxMembers members, ErrCostly where it
// consists of escapes, and ErrMalformed for everything else that is wrong with it.
func Parse(body []byte, fields []Field) error {
	if isCostly(body) {
		return ErrCostly
	}
	var sent map[string]jsontext.Value
	if len(body) > 0 {
		var err error
		if sent, err = readMembers(body, fields); err != nil {
			return err
		}
	}
	var problems []string
	for _, f := range fields {
		if f.open {
			sent = nil // all fields before it have been read
			break
		}
		problems = append(problems, f.take(f.Name, sent[f.Name])...)
		delete(sent, f.Name)
	}
	if len(sent) > 0 {
		for _, name := range slices.Sorted(maps.Keys(sent)) {
			problems = append(problems, fmt.Sprintf("property %s should not exist", shorten(name)))
		}
	}
	return Invalid(problems)
}

// shorten keeps a stranger's property name from filling the answer.
func shorten(name string) string {
	const longest = 64
	if utf8.RuneCountInString(name) <= longest {
		return name
	}
	return string([]rune(name)[:longest]) + "…"
}

// absent reports whether a property is missing or null. Existing clients make
// no difference between the two.
func absent(raw jsontext.Value) bool { return raw == nil || raw.Kind() == 'n' }

// decode decodes a property into v and reports whether it is there and has that
// type.
func decode(raw jsontext.Value, v any) bool { return !absent(raw) && json.Unmarshal(raw, v) == nil }

func problem(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
