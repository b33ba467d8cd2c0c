package wiretest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	jwksPath     = wire.JWKSPath
	validatePath = wire.ValidatePath
)

// probe asks one server and gathers what it finds wrong.
type probe struct {
	ctx    context.Context
	base   string
	client *http.Client
	tokens tokens
	faults []string

	generation wire.Generation // "": the one of 2025
}

func newProbe(ctx context.Context, base string, transport http.RoundTripper, tokens tokens) *probe {
	return &probe{
		ctx:  ctx,
		base: strings.TrimSuffix(base, "/"),
		client: &http.Client{
			Transport:     transport,
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tokens: tokens,
	}
}

func (p *probe) errorf(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

func (p *probe) get(path string) *answer { return p.do(http.MethodGet, path, "", nil) }

// post sends a body to validate.
func (p *probe) post(body string) *answer { return p.do(http.MethodPost, validatePath, body, nil) }

func (p *probe) validate(token string) *answer {
	body, err := json.Marshal(wire.ValidateRequest{Token: token})
	if err != nil {
		p.errorf("request body: %v", err)
	}
	return p.post(string(body))
}

// do asks. Without an answer it reports the error and returns one that is
// empty, which the check then finds wrong too.
func (p *probe) do(method, path, body string, header http.Header) *answer {
	a := &answer{p: p, method: method, path: path, response: &http.Response{Header: http.Header{}}}
	r, err := http.NewRequestWithContext(p.ctx, method, p.base+path, strings.NewReader(body))
	if err != nil {
		a.errorf("%v", err)
		return a
	}
	maps.Copy(r.Header, header)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := p.client.Do(r)
	if err != nil {
		a.errorf("%v", err)
		return a
	}
	defer response.Body.Close()
	a.response = response
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err != nil {
		a.errorf("body: %v", err)
	}
	return a
}

// answer is a whole response, and what was asked for it.
type answer struct {
	p            *probe
	method, path string
	response     *http.Response
	body         []byte
}

func (a *answer) errorf(format string, args ...any) {
	a.p.errorf("%s %s: %s", a.method, a.path, fmt.Sprintf(format, args...))
}

func (a *answer) header(name string) string { return a.response.Header.Get(name) }

func (a *answer) status(want int) bool {
	if a.response.StatusCode != want {
		a.errorf("status %d, want %d", a.response.StatusCode, want)
		return false
	}
	return true
}

func (a *answer) isJSON() {
	media, _, err := mime.ParseMediaType(a.header("Content-Type"))
	if err != nil || media != "application/json" {
		a.errorf("Content-Type %q, want application/json", a.header("Content-Type"))
	}
}

func (a *answer) isEmpty() {
	if len(a.body) != 0 {
		a.errorf("a body of %d bytes, want none", len(a.body))
	}
}

// noStore: contract section 1. A verdict speaks for a token, and a kept one
// would outlive its session.
func (a *answer) noStore() {
	if directives := cacheControl(a.response.Header); !slices.Contains(directives, "no-store") {
		a.errorf("Cache-Control %q, want no-store", directives)
	}
}

// object decodes a JSON object strictly and holds it to exactly these members.
func (a *answer) object(doc []byte, into any, members ...string) bool {
	var have map[string]jsontext.Value
	if err := json.Unmarshal(doc, &have); err != nil {
		a.errorf("%v in %s", err, doc)
		return false
	}
	slices.Sort(members)
	if diff := cmp.Diff(members, slices.Sorted(maps.Keys(have))); diff != "" {
		a.errorf("members (-want +got):\n%s", diff)
		return false
	}
	if err := json.Unmarshal(doc, into); err != nil {
		a.errorf("%v in %s", err, doc)
		return false
	}
	return true
}

// cacheControl are the directives of a response, lower case.
func cacheControl(h http.Header) []string {
	var directives []string
	for d := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		directives = append(directives, strings.ToLower(strings.TrimSpace(d)))
	}
	return directives
}
