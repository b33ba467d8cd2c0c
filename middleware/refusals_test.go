package middleware

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
)

func textLogger(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	var log bytes.Buffer
	return slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})), &log
}

// An outage is logged once a minute when nobody asked for denials; nothing of
// the request but its method gets into the log.
func TestOutageIsLogged(t *testing.T) {
	t.Parallel()
	log, text := textLogger(slog.LevelInfo)
	r := get("Bearer s3cret")
	r.URL.Path, r.URL.RawQuery = "/p4th", "q=qu3ry"
	g := New(failing(errors.New("disk on fire")), Logger(log))
	g.Admit(r)
	g.Admit(r)
	New(oneToken, Logger(log)).Admit(r)
	New(failing(client.ErrUnavailable), Logger(log), silent).Admit(r)
	if text := text.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "disk on fire") || !strings.Contains(text, "level=WARN") {
		t.Errorf("log = %q; want one warning with the error", text)
	}
	for _, secret := range []string{"s3cret", "p4th", "qu3ry"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%s got into the log", secret)
		}
	}
}

// What the guard itself refuses is logged at debug level, with OnDenial too;
// what the Verifier refuses is the Verifier's to log.
func TestOwnRefusalsAreLoggedAtDebug(t *testing.T) {
	t.Parallel()
	log, text := textLogger(slog.LevelDebug)
	g := New(oneToken, Logger(log), Roles("admin"), silent)
	for _, tt := range []struct {
		authorization, want string
	}{
		{"s3cret", "holds one word"},
		{"Bearer good s3cret", "more than one word"},
		{"Bearer good", "role not accepted"},
		{"Bearer s3cret", ""},
	} {
		text.Reset()
		g.Admit(get(tt.authorization))
		if got := text.String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) || strings.Contains(got, "s3cret") {
			t.Errorf("%q: log = %q; want %q", tt.authorization, got, tt.want)
		}
	}
	text.Reset()
	r, _ := New(oneToken, Logger(log), Optional()).Admit(get())
	RequireRole("admin")(r)
	if got := text.String(); !strings.Contains(got, "no user") {
		t.Errorf("a route inside logs %q; want it in its guard's log", got)
	}
}

type loggingVerifier struct {
	client.Verifier
	log *slog.Logger
}

func (l loggingVerifier) Logger() *slog.Logger { return l.log }

// S33: the Logger of the option, then that of the Verifier, then slog.Default as
// it is when the guard logs.
func TestS33Logger(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	down := failing(client.ErrUnavailable)
	own, ownText := textLogger(slog.LevelInfo)
	verifiers, verifiersText := textLogger(slog.LevelInfo)
	late, lateText := textLogger(slog.LevelInfo)

	guards := []*Guard{
		New(loggingVerifier{down, verifiers}, Logger(own)),
		New(loggingVerifier{down, verifiers}),
		New(down),
		New(loggingVerifier{down, nil}, Logger(nil)),
	}
	slog.SetDefault(late)
	for _, g := range guards {
		g.Admit(get("Bearer t"))
	}
	for name, got := range map[string]int{
		"the option's": strings.Count(ownText.String(), "\n"), "the Verifier's": strings.Count(verifiersText.String(), "\n"),
	} {
		if got != 1 {
			t.Errorf("%s logger got %d lines; want 1", name, got)
		}
	}
	if got := strings.Count(lateText.String(), "\n"); got != 2 {
		t.Errorf("the default logger got %d lines; want 2", got)
	}
}

// Deny makes a check's denial one of the guard around it.
func TestDeny(t *testing.T) {
	t.Parallel()
	type short struct {
		Required int `json:"required"`
	}
	denial := Denial{Status: 402, Code: "INSUFFICIENT_CREDITS", Message: "Not enough credits", Body: short{10}, Err: errors.New("short")}
	var heard []string
	hears := OnDenial(func(_ *http.Request, d *Denial) { heard = append(heard, d.Code) })
	writes := func(text string) func(http.ResponseWriter, *http.Request, *Denial) {
		return func(w http.ResponseWriter, _ *http.Request, d *Denial) {
			w.WriteHeader(d.Status)
			_, _ = w.Write([]byte(text))
		}
	}
	admit := func(opts ...Option) *http.Request {
		r, _ := New(oneToken, opts...).Admit(get("Bearer good"))
		return r
	}
	answer := func(r *http.Request, d Denial) string {
		w := httptest.NewRecorder()
		Deny(r, d).Write(w, r)
		if w.Code != 402 {
			t.Errorf("status = %d; want 402", w.Code)
		}
		return w.Body.String()
	}
	own := denial
	own.DenyWith = writes("the check's")
	for _, tt := range []struct {
		name   string
		r      *http.Request
		denial Denial
		want   string
	}{
		{"no guard", get(), denial, `{"required":10}`},
		{"a guard", admit(hears), denial, `{"required":10}`},
		{"a guard that writes", admit(hears, DenyWith(writes("the guard's"))), denial, "the guard's"},
		{"a check that writes", admit(hears, DenyWith(writes("the guard's"))), own, "the check's"},
		{"a user put in by hand", admit(hears).WithContext(client.WithUser(admit(hears).Context(), ada)), denial, `{"required":10}`},
	} {
		if got := answer(tt.r, tt.denial); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
	if len(heard) != 4 {
		t.Errorf("OnDenial heard %v; want four denials", heard)
	}
}

func TestSetHeader(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{0: "", time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", time.Minute: "60"} {
		h := http.Header{}
		(&Denial{RetryAfter: after}).SetHeader(h)
		if got := h.Get("Retry-After"); got != want || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %v; want Retry-After %q", after, h, want)
		}
	}
}

// A guard costs a request that passes one allocation: the copy of the request
// together with the context.
func TestAdmitAllocations(t *testing.T) {
	for name, opts := range map[string][]Option{
		"plain": nil,
		"with everything": {
			OnDenial(func(*http.Request, *Denial) {}), Realm("mana"), Logger(slog.Default()), Public("GET /health"), Cookie("mana"),
		},
	} {
		g := New(oneToken, opts...)
		r := get("Bearer good").WithContext(context.Background())
		if n := testing.AllocsPerRun(100, func() {
			if admitted, denial := g.Admit(r); denial == nil {
				HandBack(r, admitted)
			}
		}); n > 1 {
			t.Errorf("%s: %v allocations; want 1", name, n)
		}
	}
}
