package wirerecord

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// step is a request, or something else that happens between two of them.
// {name.member} in a path, a header or a body stands for what an earlier answer,
// kept under the name, had there: {ann.user.id}, {list.0.id}.
type step struct {
	about              string
	method, path, body string
	headers            []string // pairs of name and value
	name               string   // to keep the answer under
	do                 func(*stage)
}

func get(about, path string, headers ...string) step {
	return request("GET", about, path, "", headers...)
}

func post(about, path, body string, headers ...string) step {
	return request("POST", about, path, body, append(headers, "Content-Type", "application/json")...)
}

func request(method, about, path, body string, headers ...string) step {
	return step{about: about, method: method, path: path, body: body, headers: slices.Clone(headers)}
}

// keep keeps the answer for the steps that follow.
func (s step) keep(name string) step {
	s.name = name
	return s
}

// wait lets the clock go on.
func wait(d time.Duration) step {
	return step{about: "the clock goes on by " + d.String(), do: func(s *stage) { s.clock.advance(d) }}
}

func act(about string, do func(*stage)) step { return step{about: about, do: do} }

// bearer is the header of the access token in the answer of that name.
func bearer(name string) []string {
	return []string{"Authorization", "Bearer {" + name + ".accessToken}"}
}

// player plays a scene and writes down what happens.
type player struct {
	*stage
	names *names
	out   strings.Builder
}

func play(t *testing.T, s scene, p place) string {
	t.Helper()
	pl := &player{stage: newStage(t, p, s.setup), names: newNames()}
	for i, step := range s.steps {
		if i > 0 {
			pl.out.WriteString("\n")
		}
		fmt.Fprintf(&pl.out, "# %s\n", step.about)
		if step.do != nil {
			step.do(pl.stage)
			continue
		}
		pl.exchange(step)
	}
	return pl.out.String()
}

func (p *player) exchange(s step) {
	p.Helper()
	path, body := p.fill(s.path), p.fill(s.body)
	r, err := http.NewRequestWithContext(p.Context(), s.method, p.front.URL+path, strings.NewReader(body))
	if err != nil {
		p.Fatalf("%s: %v", s.about, err)
	}
	p.line(">", s.method+" "+path)
	r.Header.Set("User-Agent", "wirerecord")
	for i := 0; i < len(s.headers); i += 2 {
		name, value := s.headers[i], p.fill(s.headers[i+1])
		r.Header.Add(name, value)
		p.line(">", name+": "+value)
	}
	if body != "" {
		p.line(">", brief(body))
	}
	response, err := p.client.Do(r)
	if err != nil {
		p.Fatalf("%s: %v", s.about, err)
	}
	content, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		p.Fatalf("%s: %v", s.about, err)
	}
	p.answer(response, string(content))
	if s.name == "" {
		return
	}
	var v any
	if err := json.Unmarshal(content, &v); err != nil {
		p.Fatalf("%s: %v in %s", s.about, err, content)
	}
	p.kept[s.name] = v
}

func (p *player) answer(r *http.Response, body string) {
	p.line("<", strconv.Itoa(r.StatusCode))
	if r.Close {
		r.Header.Set("Connection", "close")
	}
	if r.Header.Get("Date") != "" {
		r.Header.Set("Date", "<date>")
	}
	// Ids of events are longer on PostgreSQL.
	if r.Header.Get("Content-Length") == strconv.Itoa(len(body)) && body != "" {
		r.Header.Set("Content-Length", "<length of the body>")
	}
	if etag := r.Header.Get("Etag"); etag != "" {
		p.names.of("etag", strings.Trim(etag, `"`))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			p.line("<", name+": "+value)
		}
	}
	if body != "" {
		// The checks of readiness come in the random order of a map.
		p.line("<", checks.ReplaceAllString(body, `"checks":{$2,$1}`))
	}
}

var checks = regexp.MustCompile(`"checks":\{("keys":\{[^}]*\}),("database":\{[^}]*\})\}`)

// line writes a line with names in place of values, and then what is to be
// known of the values that appeared first in it.
func (p *player) line(mark, text string) {
	fmt.Fprintf(&p.out, "%s %s\n", mark, p.names.replace(text))
	for _, news := range p.names.news() {
		fmt.Fprintf(&p.out, "= %s\n", news)
	}
}

// brief shortens the runs of one character that stand for something long.
func brief(body string) string {
	const long = 200
	for _, filler := range []string{"x", " "} {
		for n := strings.Count(body, filler); n > long; n = 0 {
			if run := strings.Repeat(filler, long); strings.Contains(body, run) {
				from := strings.Index(body, run)
				rest := strings.TrimLeft(body[from:], filler)
				body = fmt.Sprintf("%s<%d times %q>%s", body[:from], len(body)-from-len(rest), filler, rest)
			}
		}
	}
	return body
}

var placeholder = regexp.MustCompile(`\{[a-z]+\d*(\.[A-Za-z0-9-]+)+\}`)

func (p *player) fill(text string) string {
	p.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		parts := strings.Split(strings.Trim(found, "{}"), ".")
		value := p.kept[parts[0]]
		for _, part := range parts[1:] {
			switch v := value.(type) {
			case map[string]any:
				value = v[part]
			case []any:
				i, err := strconv.Atoi(part)
				if err != nil || i >= len(v) {
					p.Fatalf("there is no %s", found)
				}
				value = v[i]
			}
		}
		s, ok := value.(string)
		if !ok {
			p.Fatalf("there is no %s", found)
		}
		return s
	})
}
