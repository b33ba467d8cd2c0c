package creditsapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestRoutes: every route says who may call it, how it is limited, what it takes
// and what it answers.
func TestRoutes(t *testing.T) {
	t.Parallel()
	h := open(t) // web.Handler mounts no route that leaves a part unsaid
	var got []string
	for _, route := range h.api.Routes() {
		takes := make([]string, 0, len(route.Endpoint.Fields)+len(route.Endpoint.Params))
		for _, f := range route.Endpoint.Fields {
			if f.Schema.Type == "" {
				t.Errorf("%s: %s has no type", route.Pattern, f.Name)
			}
			name := f.Name
			if !f.Required {
				name += "?"
			}
			takes = append(takes, name)
		}
		for _, p := range route.Endpoint.Params {
			takes = append(takes, p.Name)
		}
		got = append(got, route.Pattern+" | "+route.Access.Name+" | "+strings.Join(takes, " "))
		if route.Limit != web.LimitDefault {
			t.Errorf("%s has the limit %q", route.Pattern, route.Limit)
		}
		for _, a := range route.Answers {
			if a.Body == nil {
				t.Errorf("%s does not say what it answers", route.Pattern)
			}
		}
		if route.Access.Admit != nil && len(route.Access.Errors) == 0 {
			t.Errorf("%s does not say how it refuses", route.Pattern)
		}
		if strings.Contains(route.Pattern, "{userId}") && !slices.Contains(route.Errors, wire.ValidationFailed) {
			t.Errorf("%s does not say what it answers to a bad id", route.Pattern)
		}
	}
	const user, inner = wire.CreditsPath, wire.InternalCreditsPath
	want := []string{
		"GET " + user + "/balance | user | ",
		"GET " + user + "/transactions | user | limit cursor offset",
		"GET " + user + "/usage | user | from to",
		"GET " + user + "/purchases | user | ",
		"GET " + user + "/packages | anyone | ",
	}
	for _, prefix := range []string{user, inner} {
		who, userID := "service", "userId"
		if prefix == user {
			who, userID = "user or service", "userId?"
		}
		want = append(want,
			"GET "+prefix+"/balance/{userId} | service | ",
			"GET "+prefix+"/transactions/{userId} | service | limit cursor offset source",
			"GET "+prefix+"/usage/{userId} | service | from to",
			"POST "+prefix+"/init | service | userId",
			"POST "+prefix+"/use | "+who+" | "+userID+" amount appId? description idempotencyKey? metadata?",
			"POST "+prefix+"/refund | service | userId amount appId? description idempotencyKey? metadata? transactionId?",
			"POST "+prefix+"/grant | service | userId amount reason referenceId description?",
			"POST "+prefix+"/reserve | service | userId amount reason idempotencyKey? expiresIn?",
			"POST "+prefix+"/commit | service | reservationId description? amount?",
			"POST "+prefix+"/refund-reservation | service | reservationId",
		)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAccess: who may call, and whom the limit counts.
func TestAccess(t *testing.T) {
	t.Parallel()
	const use = `{"userId":"ann","amount":1,"appId":"chat","description":"d"}`
	const ownUse = `{"amount":1,"appId":"chat","description":"d"}`
	const user, inner = wire.CreditsPath, wire.InternalCreditsPath
	join := slices.Concat[[]string]
	two := "Send either an access token or a service key"
	one := "One X-Service-Key and at most one X-App-Id header are allowed"
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               wire.Code
		message            any
		counted            bool
	}{
		"a user":                      {"POST", user + "/use", ownUse, asAnn, 201, "", nil, true},
		"a service":                   {"POST", user + "/use", use, asChat, 201, "", nil, false},
		"a service, inside":           {"POST", inner + "/use", use, asChat, 201, "", nil, false},
		"a user with a user id":       {"POST", user + "/use", use, asAnn, 400, wire.ValidationFailed, []any{"property userId should not exist"}, true},
		"a service without one":       {"POST", user + "/use", ownUse, asChat, 400, wire.ValidationFailed, []any{"userId must be a string"}, false},
		"nobody":                      {"POST", user + "/use", use, nil, 401, wire.InvalidToken, "Invalid token", true},
		"nobody, inside":              {"POST", inner + "/use", use, nil, 401, wire.Unauthorized, "No service key provided", true},
		"an empty key":                {"POST", inner + "/use", use, []string{wire.ServiceKeyHeader, "", wire.AppIDHeader, "chat"}, 401, wire.Unauthorized, "No service key provided", true},
		"a token for a key":           {"POST", inner + "/use", use, asAnn, 401, wire.Unauthorized, "No service key provided", true},
		"both":                        {"POST", user + "/use", use, join(asChat, asAnn), 400, wire.InvalidRequest, two, true},
		"both, inside":                {"POST", inner + "/use", use, join(asChat, asAnn), 400, wire.InvalidRequest, two, true},
		"both, of a user":             {"GET", user + "/balance", "", join(asChat, asAnn), 400, wire.InvalidRequest, two, true},
		"both, usage":                 {"GET", user + "/usage", "", join(asChat, asAnn), 400, wire.InvalidRequest, two, true},
		"a wrong key":                 {"POST", user + "/use", use, []string{wire.ServiceKeyHeader, "x", wire.AppIDHeader, "chat"}, 401, wire.Unauthorized, "Invalid service key", true},
		"no app":                      {"POST", user + "/use", use, asChat[:2], 201, "", nil, false},
		"an empty app":                {"POST", user + "/use", use, []string{wire.ServiceKeyHeader, "single", wire.AppIDHeader, ""}, 201, "", nil, false},
		"an empty key before one":     {"POST", user + "/use", use, []string{wire.ServiceKeyHeader, "", wire.ServiceKeyHeader, "single", wire.AppIDHeader, "chat"}, 400, wire.InvalidRequest, one, true},
		"a bad app":                   {"POST", user + "/use", use, []string{wire.ServiceKeyHeader, "single", wire.AppIDHeader, "a/b"}, 400, wire.InvalidRequest, one, true},
		"two apps":                    {"POST", user + "/use", use, join(asChat, asChat[2:]), 400, wire.InvalidRequest, one, true},
		"two keys":                    {"POST", user + "/use", use, join(asChat[:2], asChat), 400, wire.InvalidRequest, one, true},
		"an operation of the key":     {"GET", inner + "/balance/ann", "", asBrief, 200, "", nil, false},
		"another operation":           {"GET", inner + "/usage/ann", "", asBrief, 403, wire.Forbidden, "The service key does not allow usage", true},
		"another app's":               {"POST", inner + "/use", use, asPicture, 403, wire.Forbidden, "The service key is not one of app chat", false},
		"a bad path":                  {"GET", inner + "/balance/a%2Fb", "", asChat, 400, wire.ValidationFailed, []any{"userId must be a valid id"}, false},
		"a bad path and a bad query":  {"GET", inner + "/transactions/a%2Fb?limit=x", "", asChat, 400, wire.ValidationFailed, []any{"userId must be a valid id"}, false},
		"a bad path and a bad query2": {"GET", inner + "/usage/a%2Fb?from=x", "", asChat, 400, wire.ValidationFailed, []any{"userId must be a valid id"}, false},
		"purchases":                   {"GET", user + "/purchases", "", asAnn, 200, "", nil, true},
		"purchases of nobody":         {"GET", user + "/purchases", "", nil, 401, wire.InvalidToken, "Invalid token", true},
		"packages":                    {"GET", user + "/packages", "", nil, 200, "", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			w := h.ask(test.method, test.path, test.body, test.headers...)
			if w.Code != test.status {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, test.status)
			}
			if test.code != "" {
				e := h.envelope(w)
				if e.Error != test.code || !cmp.Equal(e.Message, test.message) {
					t.Errorf("%s %v, want %s %v", e.Error, e.Message, test.code, test.message)
				}
			}
			if counted := h.limit.asked.Load() == 1; counted != test.counted || h.limit.asked.Load() > 1 {
				t.Errorf("counted %d times", h.limit.asked.Load())
			}
		})
	}
}

// TestLimit: beyond the limit services that are known go on; users, and whoever
// is refused, wait.
func TestLimit(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.limit.most.Store(0)
	const use = `{"userId":"ann","amount":1,"appId":"chat","description":"d"}`
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"service":     {asChat, http.StatusCreated},
		"user":        {asAnn, http.StatusTooManyRequests},
		"nobody":      {nil, http.StatusTooManyRequests},
		"a wrong key": {[]string{wire.ServiceKeyHeader, "x", wire.AppIDHeader, "chat"}, http.StatusTooManyRequests},
	} {
		if w := h.ask("POST", wire.CreditsPath+"/use", use, test.headers...); w.Code != test.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestKeysUnread: a key that could not be judged is 503, and never a pass or a
// 401.
func TestKeysUnread(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.keysErr = http.ErrServerClosed
	for _, path := range []string{wire.CreditsPath + "/use", wire.InternalCreditsPath + "/use"} {
		if w := h.ask("POST", path, `{}`, asBrief...); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
