package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/manacore/manacore-go/client"
)

func failing(err error) verifierFunc {
	return func(context.Context, string) (client.User, error) { return client.User{}, err }
}

func get(authorization ...string) *http.Request {
	r := httptest.NewRequest("GET", "/x", nil)
	if len(authorization) > 0 {
		r.Header["Authorization"] = authorization
	}
	return r
}

var silent = OnDenial(func(*http.Request, *Denial) {})

func TestAdmitMapsErrors(t *testing.T) {
	t.Parallel()
	unavailable := &Denial{Status: 503, Code: "SERVICE_UNAVAILABLE", Message: "Request failed: authentication is unavailable, retry later", RetryAfter: 2 * time.Second}
	invalid := &Denial{Status: 401, Code: "INVALID_TOKEN", Message: "Invalid token", Challenge: `Bearer error="invalid_token", error_description="the token is not valid"`}
	missing := &Denial{Status: 401, Code: "UNAUTHORIZED", Message: "No token provided", Challenge: "Bearer"}
	tests := []struct {
		name    string
		err     error
		request *http.Request
		want    *Denial
	}{
		{"G125 no token", client.ErrNoToken, get(), missing},
		{"no token, without the detail", client.ErrUnauthenticated, get(), missing},
		{"no token, said of one that was sent", client.ErrNoToken, get("Bearer t"), invalid},
		{"malformed", client.ErrMalformed, get("Bearer t"), invalid},
		{"unknown key", client.ErrUnknownKey, get("Bearer t"), invalid},
		{"signature", client.ErrSignature, get("Bearer t"), invalid},
		{"claims", client.ErrClaims, get("Bearer t"), invalid},
		{"rejected", client.ErrRejected, get("Bearer t"), invalid},
		{"G135 expired", client.ErrExpired, get("Bearer t"), &Denial{Status: 401, Code: "TOKEN_EXPIRED", Message: "Invalid token", Challenge: `Bearer error="invalid_token", error_description="the token expired"`}},
		{"wrapped", fmt.Errorf("verify: %w", client.ErrSignature), get("Bearer t"), invalid},
		{"forbidden", client.ErrForbidden, get("Bearer t"), &Denial{Status: 403, Code: "FORBIDDEN", Message: "Insufficient permissions", Challenge: `Bearer error="insufficient_scope", error_description="the user lacks the role"`}},
		{"bad request", client.ErrBadRequest, get("Bearer t"), &Denial{Status: 400, Code: "INVALID_REQUEST", Message: "Exactly one bearer token is accepted", Challenge: `Bearer error="invalid_request", error_description="exactly one bearer token is accepted"`}},
		{"unavailable", client.ErrUnavailable, get("Bearer t"), unavailable},
		{"unavailable without credentials", client.ErrUnavailable, get(), unavailable},
		{"unavailable and unauthenticated", errors.Join(client.ErrSignature, client.ErrUnavailable), get("Bearer t"), unavailable},
		{"unavailable and no token", errors.Join(client.ErrNoToken, client.ErrUnavailable), get(), unavailable},
		{"unknown", errors.New("unauthenticated: token expired"), get("Bearer t"), unavailable},
		{"cancelled", context.Canceled, get("Bearer t"), unavailable},
		{"deadline", context.DeadlineExceeded, get("Bearer t"), unavailable},
	}
	for _, tt := range tests {
		for _, optional := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, optional %v", tt.name, optional), func(t *testing.T) {
				t.Parallel()
				opts := []Option{silent}
				if optional {
					opts = append(opts, Optional())
				}
				admitted, denial := New(failing(tt.err), opts...).Admit(tt.request)
				if optional && tt.err == client.ErrNoToken && tt.request.Header.Get("Authorization") == "" {
					if _, ok := client.CurrentUser(admitted.Context()); denial != nil || ok {
						t.Fatalf("denial %v, user %v; want an anonymous request", denial, ok)
					}
					return
				}
				if admitted != nil {
					t.Error("admitted a request beside its denial")
				}
				if diff := cmp.Diff(tt.want, denial, cmpopts.IgnoreFields(Denial{}, "Err", "DenyWith")); diff != "" {
					t.Error(diff)
				}
				if !errors.Is(denial.Err, tt.err) {
					t.Errorf("Err = %v; want %v", denial.Err, tt.err)
				}
			})
		}
	}
}

func TestVerifierThatNamesNobody(t *testing.T) {
	t.Parallel()
	nobody := verifierFunc(func(context.Context, string) (client.User, error) { return client.User{Role: "admin"}, nil })
	_, denial := New(nobody, silent, Roles("admin")).Admit(get("Bearer t"))
	if denial == nil || denial.Status != 503 {
		t.Errorf("denial = %+v; want a 503", denial)
	}
}

func TestVerifierPanicDoesNotAdmit(t *testing.T) {
	t.Parallel()
	broken := verifierFunc(func(context.Context, string) (client.User, error) { panic("broken") })
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
	}()
	New(broken, Optional()).Admit(get("Bearer t"))
	t.Error("admitted")
}

func TestOptionalKnowsNoBypassByAnEmptyBearer(t *testing.T) {
	t.Parallel()
	everyone := verifierFunc(func(context.Context, string) (client.User, error) { return ada, nil })
	for _, value := range []string{"Bearer", "bearer "} {
		_, denial := New(everyone, Optional()).Admit(get(value))
		if denial == nil || denial.Code != "UNAUTHORIZED" || denial.Challenge != "Bearer" {
			t.Errorf("%q: denial = %+v; want UNAUTHORIZED", value, denial)
		}
	}
}

// A user in the context that the guard did not verify is worth nothing, and is
// not handed on either.
func TestUserOfTheCallerIsHidden(t *testing.T) {
	t.Parallel()
	type key struct{}
	before := context.WithValue(client.WithUser(t.Context(), client.User{ID: "mallory", Role: "admin"}), key{}, "kept")
	before, cancel := context.WithCancel(before)
	tests := []struct {
		name string
		opts []Option
		want bool // admitted
	}{
		{"required", nil, false},
		{"optional", []Option{Optional()}, true},
		{"public", []Option{Public("/x")}, true},
		{"roles", []Option{Roles("admin")}, false},
		{"optional with roles", []Option{Optional(), Roles("admin")}, false},
	}
	for _, tt := range tests {
		admitted, denial := New(oneToken, tt.opts...).Admit(get().WithContext(before))
		if (denial == nil) != tt.want {
			t.Errorf("%s: denial = %+v; want admitted %v", tt.name, denial, tt.want)
		}
		if denial != nil {
			continue
		}
		if user, ok := client.CurrentUser(admitted.Context()); ok {
			t.Errorf("%s: user %v; want none", tt.name, user)
		}
		if admitted.Context().Value(key{}) != "kept" {
			t.Errorf("%s: lost another value of the context", tt.name)
		}
		if _, denial := RequireUser(admitted); denial == nil {
			t.Errorf("%s: RequireUser passes", tt.name)
		}
	}
	admitted, _ := New(oneToken, Optional()).Admit(get().WithContext(before))
	cancel()
	if admitted.Context().Err() == nil {
		t.Error("the admitted request's context outlives the caller's")
	}
}

func TestNestedGuards(t *testing.T) {
	t.Parallel()
	outer := New(oneToken, Public("/x"))
	inner := New(oneToken)
	r, denial := outer.Admit(get())
	if denial != nil {
		t.Fatal(denial)
	}
	if _, denial := inner.Admit(r); denial == nil {
		t.Error("a public outer guard opened the inner one")
	}
	r, _ = outer.Admit(get("Bearer good"))
	r, denial = inner.Admit(r)
	if denial != nil {
		t.Fatal(denial)
	}
	r, denial = New(oneToken, Roles("user", "admin")).Admit(r)
	if denial != nil {
		t.Fatal(denial)
	}
	if user, _ := client.CurrentUser(r.Context()); user != ada {
		t.Errorf("user = %v; want %v", user, ada)
	}
	if _, denial := New(oneToken, Roles("admin")).Admit(r); denial == nil || denial.Status != 403 {
		t.Errorf("denial = %+v; want a 403", denial)
	}
}

func TestAdmitLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	r := get("Bearer good")
	r.Header.Set("X-User-Id", "mallory")
	r.Header.Set("X-Request-Id", "1")
	want := r.Header.Clone()
	admitted, denial := New(oneToken).Admit(r)
	if denial != nil {
		t.Fatal(denial)
	}
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Error(diff)
	}
	if _, ok := client.CurrentUser(r.Context()); ok {
		t.Error("the caller's request got a user")
	}
	want.Del("X-User-Id")
	if diff := cmp.Diff(want, admitted.Header); diff != "" {
		t.Error("G134", diff)
	}
}

// G134: on every way through the guard.
func TestIdentityHeadersAreRemoved(t *testing.T) {
	t.Parallel()
	names := []string{
		"Remote-User", "x-remote-user", "X-USER-ID", "X-User", "X-User-Email", "X-User-Role", "X-User-Roles", "X-User-Name", "X-Userid", "X-Username",
		"X-Webauth-User", "X-Auth-User", "X-Auth-Bypass",
		"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
		"X-Authenticated-User", "X-Authenticated-Userid",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	}
	for name, guard := range map[string]*Guard{
		"required": New(oneToken), "optional": New(oneToken, Optional()), "public": New(oneToken, Public("/x")),
	} {
		r := get()
		if name == "required" {
			r = get("Bearer good")
		}
		r.Header.Set("X-Forwarded-For", "192.0.2.1")
		for _, header := range names {
			r.Header.Set(header, "mallory")
		}
		admitted, denial := guard.Admit(r)
		if denial != nil {
			t.Fatal(name, denial)
		}
		for _, header := range names {
			if got := admitted.Header.Get(header); got != "" {
				t.Errorf("%s: %s: %s was handed on", name, header, got)
			}
		}
		if admitted.Header.Get("X-Forwarded-For") == "" {
			t.Errorf("%s: X-Forwarded-For was removed", name)
		}
	}
}

func TestRealmAndScope(t *testing.T) {
	t.Parallel()
	guard := New(oneToken, Realm("mana core"), Roles("admin", "service"))
	_, denial := guard.Admit(get())
	if want := `Bearer realm="mana core"`; denial.Challenge != want {
		t.Errorf("Challenge = %s; want %s", denial.Challenge, want)
	}
	_, denial = guard.Admit(get("Bearer good"))
	if want := `Bearer realm="mana core", error="insufficient_scope", error_description="the user lacks the role", scope="admin service"`; denial.Challenge != want {
		t.Errorf("Challenge = %s; want %s", denial.Challenge, want)
	}
	// A route inside refuses in the guard's realm.
	r, _ := New(oneToken, Realm("mana core")).Admit(get("Bearer good"))
	denial = RequireRole("admin")(r)
	if want := `Bearer realm="mana core", error="insufficient_scope", error_description="the user lacks the role", scope="admin"`; denial.Challenge != want {
		t.Errorf("Challenge = %s; want %s", denial.Challenge, want)
	}
}

// A route refuses as the innermost guard around it does.
func TestRouteFollowsTheInnermostGuard(t *testing.T) {
	t.Parallel()
	outer, inner := New(oneToken, Realm("outer")), New(oneToken)
	r, _ := outer.Admit(get("Bearer good"))
	r, _ = inner.Admit(r)
	if got := RequireRole("admin")(r).Challenge; strings.Contains(got, "outer") {
		t.Errorf("Challenge = %s; want none of the outer guard's realm", got)
	}
}

func TestOnDenialAndDenyWith(t *testing.T) {
	t.Parallel()
	var seen []string
	guard := New(oneToken,
		OnDenial(func(_ *http.Request, d *Denial) { seen = append(seen, d.Code) }),
		DenyWith(func(w http.ResponseWriter, _ *http.Request, d *Denial) {
			d.SetHeader(w.Header())
			http.Error(w, "no", d.Status)
		}))
	_, denial := guard.Admit(get())
	w := httptest.NewRecorder()
	denial.Write(w, get())
	if w.Code != 401 || w.Body.String() != "no\n" || w.Header().Get("WWW-Authenticate") != "Bearer" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answer = %d %q %v", w.Code, w.Body, w.Header())
	}
	r, _ := guard.Admit(get("Bearer good"))
	RequireRole("admin")(r).Write(w, r)
	if want := []string{"UNAUTHORIZED", "FORBIDDEN"}; !cmp.Equal(seen, want) {
		t.Errorf("OnDenial saw %v; want %v", seen, want)
	}
	if w.Body.String() != "no\nno\n" {
		t.Errorf("RequireRole does not use its guard's writer: %q", w.Body)
	}
}

func TestWriteEnvelope(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/a%ffb%2Fc?token=s3cret", nil)
	_, denial := New(oneToken).Admit(r)
	w := httptest.NewRecorder()
	before := time.Now().Truncate(time.Millisecond)
	denial.Write(w, r)
	var got struct {
		StatusCode                            int
		Message, Error, Code, Timestamp, Path string
	}
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", got.Timestamp)
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("timestamp = %s, %v", got.Timestamp, err)
	}
	if got.StatusCode != 401 || got.Message != "No token provided" || got.Error != "UNAUTHORIZED" || got.Code != "UNAUTHORIZED" || got.Path != "/a%ffb%2Fc" {
		t.Errorf("body = %+v", got)
	}

	w = httptest.NewRecorder()
	head := httptest.NewRequest("HEAD", "/x", nil)
	denial.Write(w, head)
	if w.Code != 401 || w.Body.Len() != 0 || w.Header().Get("Content-Type") == "" {
		t.Errorf("HEAD: %d, %q, %v", w.Code, w.Body, w.Header())
	}
}

func BenchmarkAdmit(b *testing.B) {
	guard := New(oneToken)
	r := get("Bearer good")
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "X-Request-Id", "X-Forwarded-For"} {
		r.Header.Set(name, "value")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, denial := guard.Admit(r); denial != nil {
			b.Fatal(denial)
		}
	}
}
