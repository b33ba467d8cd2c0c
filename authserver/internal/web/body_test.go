package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
)

// textForm is a body with one text.
type textForm struct{ text string }

func (f *textForm) Fields() []form.Field { return []form.Field{form.String("text", &f.text)} }

// tokens is a Limiter with a number of requests and no time.
type tokens struct{ left int }

func (l *tokens) Take(netip.Addr, time.Time) time.Duration {
	if l.left == 0 {
		return 3 * time.Second
	}
	l.left--
	return 0
}

func (l *tokens) TakeOf(string, time.Time) time.Duration { return l.Take(netip.Addr{}, time.Time{}) }

func (l *tokens) GiveBack(netip.Addr, time.Time) { l.left++ }

func (l *tokens) GiveBackOf(string, time.Time) { l.left++ }

// sent is a request to serve with a body that is not read to its end at once.
func sent(ctx context.Context, body io.Reader) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/text", body)
	r.RemoteAddr = "192.0.2.1:1000"
	return r
}

func textRoute(serve func(http.ResponseWriter, *http.Request, textForm) error) Route {
	return Route{
		Pattern: "POST /text", Access: Anyone, Limit: Unlimited, Heavy: LimitHeavy, Endpoint: Body(serve),
		Answers: []Answer{{Status: http.StatusOK, Body: ""}},
	}
}

// TestV1Heavy: a small body that is good is answered however often it comes;
// larger ones and bad ones share a budget, and are 503 beyond it.
func TestV1Heavy(t *testing.T) {
	t.Parallel()
	small := `{"text":"` + strings.Repeat("x", SmallBody-len(`{"text":""}`)) + `"}`
	large := strings.Replace(small, "xx", "xxx", 1)
	bad := `{"text":5}`
	budget := &tokens{left: 4}
	handler, err := Handler(Config{Responder: responder(io.Discard), Limits: map[Limit]Limiter{LimitHeavy: budget}, Routes: []Route{
		textRoute(func(w http.ResponseWriter, r *http.Request, _ textForm) error { return fine(w, r) }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		body   string
		length bool // whether the request says how long it is
		want   int
	}{
		{small, true, 200}, {small, false, 200}, {large, true, 200}, {large, false, 200}, {bad, true, 400}, {`{`, true, 400},
		{small, true, 200}, {large, true, 503}, {large, false, 503}, {bad, true, 503}, {`{`, false, 503}, {small, false, 200},
		{strings.Repeat(" ", MaxBody+1), true, 413}, {`{"text":"x"}`, true, 200},
	} {
		r := sent(t.Context(), strings.NewReader(step.body))
		if !step.length {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		retry := w.Header().Get("Retry-After")
		if w.Code != step.want || (w.Code == 503) != (retry == "3") {
			t.Errorf("step %d: %d, Retry-After %q, want %d", i, w.Code, retry, step.want)
		}
	}
	if budget.left != 0 {
		t.Errorf("%d left of the budget", budget.left)
	}
}

// TestV1LargeBodiesAtOnce: as many large bodies as there are places, and small
// ones beside them. A body gives its place back.
func TestV1LargeBodiesAtOnce(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, maxLarge), make(chan struct{})
	handler, err := Handler(Config{Responder: responder(io.Discard), Limits: map[Limit]Limiter{LimitHeavy: nil}, Routes: []Route{
		textRoute(func(w http.ResponseWriter, r *http.Request, f textForm) error {
			if len(f.text) > 1 {
				entered <- struct{}{}
				<-leave
			}
			return fine(w, r)
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(body string) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, sent(t.Context(), strings.NewReader(body)))
		return w.Code
	}
	large := `{"text":"` + strings.Repeat("x", SmallBody) + `"}`
	codes := make(chan int, maxLarge)
	for range maxLarge {
		go func() { codes <- ask(large) }()
	}
	for range maxLarge {
		<-entered
	}
	if code := ask(large); code != http.StatusServiceUnavailable {
		t.Errorf("%d for one large body more", code)
	}
	if code := ask(`{"text":"x"}`); code != http.StatusOK {
		t.Errorf("%d for a small body", code)
	}
	close(leave)
	for range maxLarge {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("%d for a large body", code)
		}
	}
	if code := ask(large); code != http.StatusOK {
		t.Errorf("%d for a large body afterwards", code)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body was read that says that it is too large")
	return 0, io.EOF
}

// TestV1SaysTooMuch: a body that says that it is too large is refused unread.
func TestV1SaysTooMuch(t *testing.T) {
	t.Parallel()
	route := textRoute(func(w http.ResponseWriter, r *http.Request, _ textForm) error { return fine(w, r) })
	route.Heavy = ""
	handler, err := Handler(Config{Responder: responder(io.Discard), Routes: []Route{route}})
	if err != nil {
		t.Fatal(err)
	}
	r := sent(t.Context(), unread{t})
	r.ContentLength = MaxBody + 1
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
