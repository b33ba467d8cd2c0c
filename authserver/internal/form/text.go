package form

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxText is the longest free text, in characters.
	MaxText = 255
	// MaxPassword is the longest password that may be set, in characters.
	MaxPassword = 128
	// MaxLoginPassword bounds the password that a login reads, in characters.
	// No password of that length was ever set.
	MaxLoginPassword = 1024
	// minPersonName is the shortest name of a person, in characters.
	minPersonName = 2
)

// String is a required string.
func String(name string, into *string) Field {
	return Field{Name: name, Required: true, Schema: Schema{Type: "string"}, take: func(name string, raw jsontext.Value) []string {
		if !decode(raw, into) {
			return problem("%s must be a string", name)
		}
		return nil
	}}
}

// OptionalString is String where the property may be absent. A property that is
// there has to be a string, and null is not one.
func OptionalString(name string, into *string) Field {
	f := String(name, into)
	required := f.take
	f.Required = false
	f.take = func(name string, raw jsontext.Value) []string {
		if raw == nil {
			return nil
		}
		return required(name, raw)
	}
	return f
}

// ShortString is a string that may be absent or null, and that counts for nothing
// but too long where it has more than most bytes. Such a one is not decoded: into
// gets the first most+1 bytes of what was sent.
func ShortString(name string, into *string, most int) Field {
	return Optional(Field{Name: name, Required: true, Schema: Schema{Type: "string"}, take: func(name string, raw jsontext.Value) []string {
		if raw.Kind() != '"' {
			return problem("%s must be a string", name)
		}
		// Six bytes are the most that are sent for one.
		text := raw[1 : len(raw)-1]
		if len(text)-5*bytes.Count(text, []byte{'\\'}) > most {
			*into = string(text[:most+1])
			return nil
		}
		if !decode(raw, into) {
			return problem("%s must be a string", name)
		}
		return nil
	}})
}

// Email is a required e-mail address, in the form in which it is stored.
func Email(name string, into *string) Field {
	return Field{Name: name, Required: true, Schema: Schema{Type: "string", Format: "email"}, take: func(name string, raw jsontext.Value) []string {
		var s string
		if decode(raw, &s) {
			if address, ok := NormalEmail(s); ok {
				*into = address
				return nil
			}
		}
		return problem("%s must be an email", name)
	}}
}

// Password is a required string of shortest to longest characters: Unicode code
// points, as they were sent.
func Password(name string, into *string, shortest, longest int) Field {
	schema := Schema{Type: "string", Format: "password", Min: int64(shortest), Max: int64(longest)}
	return Field{Name: name, Required: true, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		if decode(raw, into) {
			return PasswordProblems(name, *into, shortest, longest)
		}
		return []string{ // in the order of the existing service: clients show the first
			fmt.Sprintf("%s must be shorter than or equal to %d characters", name, longest),
			fmt.Sprintf("%s must be longer than or equal to %d characters", name, shortest),
			fmt.Sprintf("%s must be a string", name),
		}
	}}
}

// PasswordProblems returns what is wrong with a password, which has to have
// shortest to longest characters.
func PasswordProblems(name, password string, shortest, longest int) []string {
	switch n := utf8.RuneCountInString(password); {
	case n < shortest:
		return problem("%s must be longer than or equal to %d characters", name, shortest)
	case n > longest:
		return problem("%s must be shorter than or equal to %d characters", name, longest)
	}
	return nil
}

// PersonName is the required name of a person, 2 to 255 characters, without the
// spaces around it.
func PersonName(name string, into *string) Field {
	schema := Schema{Type: "string", Min: minPersonName, Max: MaxText}
	return Field{Name: name, Required: true, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		if !decode(raw, into) {
			return []string{
				fmt.Sprintf("%s must be shorter than or equal to %d characters", name, MaxText),
				fmt.Sprintf("Name must be at least %d characters", minPersonName),
				fmt.Sprintf("%s must be a string", name),
			}
		}
		trimmed, problems := PersonNameProblems(name, *into)
		*into = trimmed
		return problems
	}}
}

// PersonNameProblems returns the name of a person without the spaces around it,
// and what is wrong with it.
func PersonNameProblems(name, person string) (trimmed string, problems []string) {
	trimmed = strings.TrimSpace(person)
	switch n := utf8.RuneCountInString(trimmed); {
	case n < minPersonName:
		problems = append(problems, fmt.Sprintf("Name must be at least %d characters", minPersonName))
	case n > MaxText:
		problems = append(problems, fmt.Sprintf("%s must be shorter than or equal to %d characters", name, MaxText))
	}
	if strings.ContainsFunc(person, unicode.IsControl) {
		problems = append(problems, fmt.Sprintf("%s must not contain control characters", name))
	}
	return trimmed, problems
}

// Text is a string of at most 255 characters, none of them a control character,
// that may be absent or null.
func Text(name string, into *string) Field {
	schema := Schema{Type: "string", Max: MaxText}
	return Field{Name: name, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		var s string
		switch {
		case absent(raw):
			return nil
		case !decode(raw, &s):
			return problem("%s must be a string", name)
		}
		if problems := textProblems(name, s, MaxText); problems != nil {
			return problems
		}
		*into = s
		return nil
	}}
}

// Ignored is a Text whose value nobody uses. Existing clients send it.
func Ignored(name string) Field { return Text(name, new(string)) }

func textProblems(name, s string, longest int) []string {
	switch {
	case utf8.RuneCountInString(s) > longest:
		return problem("%s must be shorter than or equal to %d characters", name, longest)
	case strings.ContainsFunc(s, unicode.IsControl):
		return problem("%s must not contain control characters", name)
	}
	return nil
}

// Flag is a boolean that may be absent or null.
func Flag(name string, into *bool) Field {
	return Field{Name: name, Schema: Schema{Type: "boolean"}, take: func(name string, raw jsontext.Value) []string {
		if !absent(raw) && !decode(raw, into) {
			return problem("%s must be a boolean value", name)
		}
		return nil
	}}
}
