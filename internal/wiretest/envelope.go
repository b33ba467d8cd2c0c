package wiretest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// envelope holds an answer to the form of every error (contract section 1),
// with one of these codes, and returns the entries of its message.
func (a *answer) envelope(codes ...wire.Code) []string {
	if !a.status(codes[0].Status()) {
		return nil
	}
	a.isJSON()
	var e struct {
		StatusCode int            `json:"statusCode"`
		Message    jsontext.Value `json:"message"`
		Error      wire.Code      `json:"error"`
		Code       wire.Code      `json:"code"`
		Timestamp  string         `json:"timestamp"`
		Path       string         `json:"path"`
		Status     int            `json:"status"`
		RetryAfter int            `json:"retryAfterSec"`
	}
	members := []string{"statusCode", "message", "error", "code", "timestamp", "path", "status"}
	wait := a.response.Header.Get("Retry-After")
	if wait != "" {
		members = append(members, "retryAfterSec")
	}
	if !a.object(a.body, &e, members...) {
		return nil
	}
	if wait != "" && strconv.Itoa(e.RetryAfter) != wait {
		a.errorf("retryAfterSec %d with Retry-After %s", e.RetryAfter, wait)
	}
	if e.StatusCode != a.response.StatusCode || e.Status != e.StatusCode {
		a.errorf("statusCode %d and status %d with status %d", e.StatusCode, e.Status, a.response.StatusCode)
	}
	if !slices.Contains(codes, e.Code) || e.Error != e.Code.In(a.p.generation) {
		a.errorf("code %q and error %q, want the code one of %q and the error %q", e.Code, e.Error, codes, e.Code.In(a.p.generation))
	}
	if at, err := time.Parse(wire.TimeFormat, e.Timestamp); err != nil || wire.Timestamp(at) != e.Timestamp {
		a.errorf("timestamp %q, want the form of %s", e.Timestamp, wire.TimeFormat)
	}
	if e.Path != a.path {
		a.errorf("path %q, want %q", e.Path, a.path)
	}
	entries := messages(e.Message)
	if len(entries) == 0 || slices.Contains(entries, "") {
		a.errorf("message %s, want a text or a list of texts", e.Message)
	}
	if list := e.Message.Kind() == '['; list != (e.Code == wire.ValidationFailed) {
		a.errorf("message %s: a list goes with %s and only with it", e.Message, wire.ValidationFailed)
	}
	return entries
}

func messages(value jsontext.Value) []string {
	var one string
	if json.Unmarshal(value, &one) == nil {
		return []string{one}
	}
	var several []string
	if json.Unmarshal(value, &several) == nil {
		return several
	}
	return nil
}

func unknownRoutes(p *probe) {
	for _, r := range []struct{ method, path string }{
		{http.MethodGet, "/api/v1/nope"},
		{http.MethodPost, "/api/v1/nope"},
		{http.MethodGet, validatePath},
		{http.MethodPut, validatePath},
		{http.MethodPost, jwksPath},
		{http.MethodDelete, jwksPath},
	} {
		a := p.do(r.method, r.path, "", nil)
		want := "Cannot " + r.method + " " + r.path
		if got := strings.Join(a.envelope(wire.NotFound), "\n"); got != want {
			a.errorf("message %q, want %q", got, want)
		}
	}
}

func trailingSlash(p *probe) {
	p.get(jwksPath + "/").status(http.StatusOK)
	p.do(http.MethodPost, validatePath+"/", `{"token":"x"}`, nil).status(http.StatusOK)
}
