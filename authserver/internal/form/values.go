package form

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// MaxUserID and MaxAppID are the longest ids, in characters.
const (
	MaxUserID = 128
	MaxAppID  = 64
)

// IsUserID reports whether s has the form of a user's id. Ids are opaque, and
// consist of letters, digits, - and _.
func IsUserID(s string) bool {
	return s != "" && len(s) <= MaxUserID && !strings.ContainsFunc(s, func(c rune) bool {
		return !isAlphanumeric(c) && c != '-' && c != '_'
	})
}

// IsAppID reports whether s has the form of an app's id: letters, digits, -, _
// and dots.
func IsAppID(s string) bool {
	return s != "" && len(s) <= MaxAppID && !strings.ContainsFunc(s, func(c rune) bool {
		return !isAlphanumeric(c) && c != '-' && c != '_' && c != '.'
	})
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// UserID is the required id of a user.
func UserID(name string, into *string) Field { return id(name, into, IsUserID, MaxUserID) }

// AppID is the required id of an app.
func AppID(name string, into *string) Field { return id(name, into, IsAppID, MaxAppID) }

// OptionalAppID is AppID where the property may be absent, null or empty.
func OptionalAppID(name string, into *string) Field {
	f := Optional(id(name, into, func(s string) bool { return s == "" || IsAppID(s) }, MaxAppID))
	f.Schema.Min = 0
	return f
}

func id(name string, into *string, is func(string) bool, longest int64) Field {
	schema := Schema{Type: "string", Min: 1, Max: longest}
	return Field{Name: name, Required: true, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		var s string
		switch {
		case !decode(raw, &s):
			return problem("%s must be a string", name)
		case !is(s):
			return problem("%s must be a valid id", name)
		}
		*into = s
		return nil
	}}
}

// wholeNumber reads a property that is a whole number, in any spelling.
func wholeNumber(raw jsontext.Value) (n int64, ok bool) {
	if absent(raw) || raw.Kind() != '0' {
		return 0, false
	}
	return wire.ParseWhole(string(raw))
}

// Amount is a required whole number from 1 to most, in any spelling. Existing
// clients know the words of its first problem.
func Amount(name string, into *int64, most int64) Field {
	return Field{Name: name, Required: true, Schema: Schema{Type: "integer", Min: 1, Max: most}, take: func(name string, raw jsontext.Value) (problems []string) {
		n, whole := wholeNumber(raw)
		number := raw.Kind() == '0'
		if !number || raw[0] == '-' || whole && n < 1 {
			problems = append(problems, problem("%s must be a positive number", name)...)
		}
		switch {
		case !whole:
			problems = append(problems, problem("%s must be an integer number", name)...)
		case n > most:
			problems = append(problems, problem("%s must not be greater than %d", name, most)...)
		}
		if problems == nil {
			*into = n
		}
		return problems
	}}
}

// integerProblems returns what is wrong with a number, which has to be from
// least to most.
func integerProblems(name string, n, least, most int64) []string {
	switch {
	case n < least:
		return problem("%s must not be less than %d", name, least)
	case n > most:
		return problem("%s must not be greater than %d", name, most)
	}
	return nil
}

// Words is a required text of 1 to longest characters, none of them a control
// character.
func Words(name string, into *string, longest int) Field {
	schema := Schema{Type: "string", Min: 1, Max: int64(longest)}
	return Field{Name: name, Required: true, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		var s string
		switch {
		case !decode(raw, &s):
			return problem("%s must be a string", name)
		case s == "":
			return problem("%s should not be empty", name)
		}
		if problems := textProblems(name, s, longest); problems != nil {
			return problems
		}
		*into = s
		return nil
	}}
}

// OptionalWords is a text of at most longest characters, none of them a control
// character, that may be absent, null or empty.
func OptionalWords(name string, into *string, longest int) Field {
	schema := Schema{Type: "string", Max: int64(longest)}
	return Field{Name: name, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		var s string
		switch {
		case absent(raw):
			return nil
		case !decode(raw, &s):
			return problem("%s must be a string", name)
		}
		if problems := textProblems(name, s, longest); problems != nil {
			return problems
		}
		*into = s
		return nil
	}}
}

// Object is a JSON object of at most longest bytes, not counting spaces, that
// may be absent or null. into gets it without spaces. It may have 1024 members
// and elements, at any depth.
func Object(name string, into *string, longest int) Field {
	schema := Schema{Type: "object", Max: int64(longest)}
	return Field{Name: name, Schema: schema, inner: maxInner, take: func(name string, raw jsontext.Value) []string {
		var v jsontext.Value
		switch {
		case absent(raw):
			return nil
		case !decode(raw, &v) || v.Kind() != '{' || v.Compact() != nil:
			return problem("%s must be an object", name)
		case len(v) > longest:
			return problem("%s must be shorter than or equal to %d bytes", name, longest)
		}
		*into = string(v)
		return nil
	}}
}

// UUID is a required UUID in the one spelling in which ids are handed out (RFC
// 9562 section 4).
func UUID(name string, into *string) Field {
	schema := Schema{Type: "string", Format: "uuid"}
	return Field{Name: name, Required: true, Schema: schema, take: func(name string, raw jsontext.Value) []string {
		var s string
		if !decode(raw, &s) || !isUUID(s) {
			return problem("%s must be a UUID", name)
		}
		*into = s
		return nil
	}}
}

// OptionalUUID is UUID where the property may be absent or null.
func OptionalUUID(name string, into *string) Field { return Optional(UUID(name, into)) }

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Seconds is a whole number of seconds from 1 to most that may be absent or
// null.
func Seconds(name string, into *time.Duration, most time.Duration) Field {
	seconds := int64(most / time.Second)
	return Field{Name: name, Schema: Schema{Type: "integer", Min: 1, Max: seconds}, take: func(name string, raw jsontext.Value) []string {
		n, ok := wholeNumber(raw)
		switch {
		case absent(raw):
			return nil
		case !ok:
			return problem("%s must be an integer number", name)
		case n < 1 || n > seconds:
			return problem("%s must be between 1 and %d seconds", name, seconds)
		}
		*into = time.Duration(n) * time.Second
		return nil
	}}
}

// Optional is f where the property may be absent or null.
func Optional(f Field) Field {
	required := f.take
	f.Required = false
	f.take = func(name string, raw jsontext.Value) []string {
		if absent(raw) {
			return nil
		}
		return required(name, raw)
	}
	return f
}
