package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// answer is a response and its body.
type answer struct {
	*http.Response
	body []byte
}

// text is the answer as the transcript shows it: the status line, the headers
// that tell something, and the body with shortened tokens.
func (a answer) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", a.Proto, a.Status)
	for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
		if value := a.Header.Get(name); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString(pretty(a.body))
	return b.String()
}

// pretty lays JSON out and shortens its long words; anything else is quoted.
func pretty(body []byte) string {
	var out bytes.Buffer
	from := jsontext.NewDecoder(bytes.NewReader(body))
	to := jsontext.NewEncoder(&out, jsontext.WithIndent("  "))
	for {
		token, err := from.ReadToken()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(out.String())
		}
		if err == nil {
			if token.Kind() == '"' {
				token = jsontext.String(shorten(token.String()))
			}
			err = to.WriteToken(token)
		}
		if err != nil {
			return fmt.Sprintf("%.200q", body)
		}
	}
}

// shorten cuts a long word, which is a token; a text with spaces stays.
func shorten(text string) string {
	const longest, kept = 40, 10
	if len(text) <= longest || strings.Contains(text, " ") {
		return text
	}
	return fmt.Sprintf("%s… (%d characters)", text[:kept], len(text))
}

var variable = regexp.MustCompile(`\$[A-Z]+`)

// curl is the command that sends the request of a step.
func curl(s step) string {
	lines := []string{"$ curl -i " + s.url}
	if s.bearer != "" {
		lines = append(lines, `-H "Authorization: Bearer $`+s.bearer+`"`)
	}
	if s.body != "" {
		// A shell expands nothing between single quotes: step out of them.
		body := variable.ReplaceAllString(s.body, `'$0'`)
		lines = append(lines, `-H 'Content-Type: application/json'`, "-d '"+body+"'")
	}
	return strings.Join(lines, " \\\n       ")
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
