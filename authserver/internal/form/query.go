package form

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// Param is one parameter of a query string. Parameters that no Param names are
// ignored, as is usual on the web.
type Param struct {
	Name   string
	Schema Schema
	// take reads the values of the parameter, which may be none, and returns
	// what is wrong with them.
	take func(name string, values []string) (problems []string)
}

// ParseQuery reads a query string into parameters. The error is ErrMalformed
// where raw is not a query string, and an InvalidError where constraints
// failed.
func ParseQuery(raw string, params []Param) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return ErrMalformed
	}
	var problems []string
	for _, p := range params {
		problems = append(problems, p.take(p.Name, query[p.Name])...)
	}
	return Invalid(problems)
}

// IntegerParam is a whole number from least to most that may be absent.
func IntegerParam(name string, into *int64, least, most int64) Param {
	schema := Schema{Type: "integer", Min: least, Max: most}
	return Param{Name: name, Schema: schema, take: func(name string, values []string) []string {
		if len(values) == 0 {
			return nil
		}
		n, ok := wire.ParseWhole(values[0])
		if !ok || len(values) > 1 {
			return problem("%s must be an integer number", name)
		}
		*into = n
		return integerProblems(name, n, least, most)
	}}
}

// DateParam is a calendar date (RFC 3339 section 5.6, full-date) that may be
// absent. into gets the first instant of that day in UTC. sent is set where the
// parameter is there.
func DateParam(name string, into *time.Time, sent *bool) Param {
	return Param{Name: name, Schema: Schema{Type: "string", Format: "date"}, take: func(name string, values []string) []string {
		if len(values) == 0 {
			return nil
		}
		date, err := time.Parse(time.DateOnly, values[0])
		if err != nil || len(values) > 1 {
			return problem("%s must be a date in the form YYYY-MM-DD", name)
		}
		*into, *sent = date, true
		return nil
	}}
}

// TextParam is a text that may be absent. Of several values the first counts.
func TextParam(name string, into *string) Param {
	return Param{Name: name, Schema: Schema{Type: "string"}, take: func(_ string, values []string) []string {
		if len(values) > 0 {
			*into = values[0]
		}
		return nil
	}}
}

// OneOfParam is one of several words that may be absent.
func OneOfParam(name string, into *string, words ...string) Param {
	return Param{Name: name, Schema: Schema{Type: "string"}, take: func(name string, values []string) []string {
		if len(values) == 0 {
			return nil
		}
		if len(values) > 1 || !slices.Contains(words, values[0]) {
			return problem("%s must be one of the following values: %s", name, strings.Join(words, ", "))
		}
		*into = values[0]
		return nil
	}}
}

// NotBeside is p, which is refused where another parameter is sent too. The
// other parameter has to be read before it.
func NotBeside(p Param, other string, isSent func() bool) Param {
	inner := p.take
	p.take = func(name string, values []string) []string {
		problems := inner(name, values)
		if len(values) > 0 && isSent() {
			problems = append(problems, problem("%s should not exist beside %s", name, other)...)
		}
		return problems
	}
	return p
}
