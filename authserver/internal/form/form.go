// Package form checks what callers send: JSON objects, query strings and the
// arguments of an operator's commands, by the same rules and in the same words.
//
// A form is a list of fields. Each is a value that says how it is called, what
// it holds and where that goes, so that the check and the description of a
// route come from one declaration. What is wrong is told in the wording of
// class-validator, one text a failed constraint, in the order of the fields.
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

// ErrMalformed: the body is no JSON object, or one with duplicate names or
// invalid UTF-8.
var ErrMalformed = errors.New("not a valid JSON object")

// InvalidError says which constraints failed, at most 20.
type InvalidError struct{ Problems []string }

func (e *InvalidError) Error() string { return strings.Join(e.Problems, ", ") }

// Invalid is an InvalidError of problems, or nil where there are none.
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
	Format   string // "email", "password", "uuid", "date"; empty: none
	Min, Max int64  // length of a string, size of a number; zero: none
}

// Field is one property of a form.
type Field struct {
	Name     string
	Required bool
	Schema   Schema
	// take decodes the property, which is nil where it is absent, puts it where
	// the field belongs, and says what is wrong with it.
	take func(name string, raw jsontext.Value) (problems []string)
}

// Parse reads a JSON object into fields. An empty body is an empty object, so
// that the answer names what is missing. An InvalidError tells of failed
// constraints, among them every property that is no field; ErrMalformed of
// everything else that is wrong with the body.
func Parse(body []byte, fields []Field) error {
	var sent map[string]jsontext.Value
	if len(body) > 0 {
		// Duplicate names, invalid UTF-8 and anything after the object are errors.
		if err := json.Unmarshal(body, &sent); err != nil || sent == nil {
			return ErrMalformed
		}
	}
	var problems []string
	for _, f := range fields {
		problems = append(problems, f.take(f.Name, sent[f.Name])...)
		delete(sent, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		problems = append(problems, fmt.Sprintf("property %s should not exist", shorten(name)))
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

// absent says whether a property is not there or null, which is the same to
// clients of the field.
func absent(raw jsontext.Value) bool { return raw == nil || raw.Kind() == 'n' }

// decode decodes a property into v and says whether it is there and has that
// type.
func decode(raw jsontext.Value, v any) bool { return !absent(raw) && json.Unmarshal(raw, v) == nil }

func problem(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
