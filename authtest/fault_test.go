package authtest_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
)

// fetch gets the key set; status 0 is no whole answer.
func fetch(t *testing.T, issuer *authtest.Issuer) (status int, body, etag string) {
	t.Helper()
	a := ask(t.Context(), issuer, http.MethodGet, "")
	return a.status, a.body, a.header.Get("ETag")
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// ask sends a token to validate, or gets the key set where method is GET. It
// does not follow redirects.
func ask(ctx context.Context, issuer *authtest.Issuer, method, token string) answer {
	url, body := issuer.URL()+jwks, ""
	if method == http.MethodPost {
		url, body = issuer.URL()+"/api/v1/auth/validate", `{"token":"`+token+`"}`
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewBufferString(body))
	if err != nil {
		return answer{err: err}
	}
	client := *issuer.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{header: response.Header, body: string(text), err: err}
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

// cut tells whether a request went out over a connection that the fault had
// just cut. net/http sends a GET again then, but not a POST.
func cut(method string, warm bool, err error) bool {
	return warm && method == http.MethodPost && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe))
}

// TestFaults looks at every fault on both endpoints with a bare HTTP client,
// cold and over a connection that is already open, and sees it end.
func TestFaults(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, _ string, a answer) {
		if !errors.Is(a.err, syscall.ECONNREFUSED) {
			t.Errorf("error %v, want connection refused", a.err)
		}
	}
	late := func(t *testing.T, _ string, a answer) {
		if !errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the client's own deadline", a.err)
		}
	}
	status := func(want int, header, text string) func(*testing.T, string, answer) {
		return func(t *testing.T, _ string, a answer) {
			if a.status != want || a.header.Get(header) == "" || !strings.Contains(a.body, text) {
				t.Errorf("%d %v %q (%v), want %d with %s and %s", a.status, a.header, a.body, a.err, want, header, text)
			}
		}
	}
	body := func(keys, verdict string) func(*testing.T, string, answer) {
		return func(t *testing.T, method string, a answer) {
			want := keys
			if method == http.MethodPost {
				want = verdict
			}
			if a.status != http.StatusOK || !strings.HasPrefix(a.body, want) {
				t.Errorf("%d %q (%v), want 200 and %s", a.status, a.body, a.err, want)
			}
		}
	}
	want := map[authtest.Fault]func(t *testing.T, method string, a answer){
		authtest.Refused:         refused,
		authtest.TimedOut:        late,
		authtest.ServerError:     status(500, "Content-Type", `"code":"INTERNAL"`),
		authtest.TooManyRequests: status(429, "Retry-After", `"code":"RATE_LIMITED"`),
		authtest.HalfAnswer: func(t *testing.T, _ string, a answer) {
			if !errors.Is(a.err, io.ErrUnexpectedEOF) || len(a.body) == 0 {
				t.Errorf("%q (%v), want half a body", a.body, a.err)
			}
		},
		authtest.HTMLPage:   body("<!doctype html>", "<!doctype html>"),
		authtest.Redirected: status(307, "Location", ""),
		authtest.WrongJSON:  body(`{"keys":{"0":[{"alg":"EdDSA"`, `{"valid":"true","payload":{"sub":"`+authtest.DefaultSubject),
		authtest.LyingAnswer: body(`{"keys":[{"alg":"EdDSA"`,
			`{"valid":true,"payload":{"sub":"somebodyElse","email":"else@example.com","role":"admin"`),
		authtest.TLSError: func(t *testing.T, _ string, a answer) {
			if _, ok := errors.AsType[x509.UnknownAuthorityError](a.err); !ok {
				t.Errorf("error %v, want an unknown authority", a.err)
			}
		},
		authtest.SlowDrip:    late,
		authtest.EmptyKeySet: body(`{"keys":[]}`, `{}`),
	}
	if len(want) != 12 {
		t.Fatalf("%d faults expected here, want 12", len(want))
	}
	for _, fault := range authtest.Faults() {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, c := range []struct {
				name string
				warm bool
				opts []authtest.Option
			}{
				{"cold", false, []authtest.Option{authtest.WithTLS()}},
				{"warm", true, []authtest.Option{authtest.WithTLS()}},
				{"cold pipe", false, []authtest.Option{authtest.WithTLS(), authtest.WithoutSockets()}},
				{"warm pipe", true, []authtest.Option{authtest.WithTLS(), authtest.WithoutSockets()}},
			} {
				t.Run(string(fault)+"/"+method+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					warm := c.warm
					issuer := authtest.NewIssuer(t, c.opts...)
					token := issuer.Token()
					if warm {
						fetch(t, issuer)
					}
					issuer.Break(fault)
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if fault == authtest.TimedOut || fault == authtest.SlowDrip {
						ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
					}
					defer cancel()
					a := ask(ctx, issuer, method, token)
					if cut(method, warm, a.err) && (fault == authtest.Refused || fault == authtest.TLSError) {
						a = ask(ctx, issuer, method, token)
					}
					want[fault](t, method, a)
					issuer.Up()
					if a := ask(t.Context(), issuer, method, token); a.status != http.StatusOK {
						t.Errorf("after Up: %d (%v)", a.status, a.err)
					}
				})
			}
		}
	}
}

// TestFaultsSpareNoConditionalRequest: a client that has the key set asks with
// its ETag, and a fault must not answer it with a 304.
func TestFaultsSpareNoConditionalRequest(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	_, _, etag := fetch(t, issuer)
	for _, fault := range []authtest.Fault{authtest.HalfAnswer, authtest.WrongJSON} {
		issuer.Break(fault)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer.URL()+jwks, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-None-Match", etag)
		response, err := issuer.HTTPClient().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, want 200", fault, response.StatusCode)
		}
	}
}

// TestFaultsReplaceEachOther goes from each fault to each without an Up.
func TestFaultsReplaceEachOther(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithTLS())
	for _, before := range authtest.Faults() {
		for _, fault := range []authtest.Fault{authtest.EmptyKeySet, authtest.Refused, authtest.HTMLPage} {
			issuer.Break(before)
			issuer.Break(fault)
			_, body, _ := fetch(t, issuer)
			want := map[authtest.Fault]string{authtest.EmptyKeySet: `{"keys":[]}`, authtest.HTMLPage: "<!doctype"}[fault]
			if !strings.HasPrefix(body, want) || want == "" && body != "" {
				t.Errorf("%s after %s: %q, want %q", fault, before, body, want)
			}
		}
	}
}

func TestRedirectTarget(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	issuer.Break(authtest.Redirected)
	fetch(t, issuer)
	if got := issuer.RedirectsFollowed(); got != 0 {
		t.Errorf("RedirectsFollowed = %d, want 0", got)
	}
	if got := validate(issuer, issuer.Token()); !isValid(got) { // this client follows
		t.Errorf("behind the redirect: %s", got)
	}
	if got := issuer.RedirectsFollowed(); got != 1 {
		t.Errorf("RedirectsFollowed = %d, want 1", got)
	}
}

func TestRefuseAgainAndAgain(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	for range 20 {
		if status, _, _ := fetch(t, issuer); status != http.StatusOK {
			t.Fatalf("status %d while up", status)
		}
		issuer.Refuse()
		issuer.Refuse()
		if a := ask(t.Context(), issuer, http.MethodGet, ""); !errors.Is(a.err, syscall.ECONNREFUSED) {
			t.Fatalf("error %v while refusing", a.err)
		}
		issuer.Up()
		issuer.Up()
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(start)
	issuer := authtest.NewIssuer(t, authtest.WithClock(clock))
	issuer.Slow(time.Minute)
	got := make(chan string, 1)
	go func() { got <- validate(issuer, issuer.Token()) }()
	if err := clock.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute - 1)
	select {
	case verdict := <-got:
		t.Fatalf("answered early: %s", verdict)
	default:
	}
	clock.Advance(1)
	if verdict := <-got; !isValid(verdict) {
		t.Error(verdict)
	}

	go func() { got <- validate(issuer, issuer.Token()) }()
	if err := clock.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	issuer.Up()
	if verdict := <-got; !isValid(verdict) {
		t.Errorf("after Up: %s", verdict)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := clock.AwaitTimers(over, 1); err == nil {
		t.Error("a timer is left on the clock")
	}
}

// TestWaitersGo: whatever ends a wait, Up, Refuse or Close, leaves nobody
// behind.
func TestWaitersGo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*authtest.Issuer)
		want bool // an answer
	}{
		"Up":     {(*authtest.Issuer).Up, true},
		"Refuse": {(*authtest.Issuer).Refuse, false},
		"Close":  {(*authtest.Issuer).Close, false},
		"Down":   {(*authtest.Issuer).Down, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t)
			issuer.Hang()
			var group sync.WaitGroup
			for range 5 {
				group.Go(func() {
					if got := validate(issuer, issuer.Token()); isValid(got) != c.want {
						t.Errorf("answer %q", got)
					}
				})
			}
			for issuer.ValidateRequests() < 5 {
				runtime.Gosched()
			}
			c.end(issuer)
			if name == "Down" { // still hangs
				issuer.Close()
			}
			group.Wait()
		})
	}
}

func TestFaultHandlers(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	teapot := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	issuer.FaultJWKS(teapot)
	if status, _, _ := fetch(t, issuer); status != http.StatusTeapot {
		t.Errorf("keys: status %d, want the handler's", status)
	}
	if got := validate(issuer, issuer.Token()); !isValid(got) {
		t.Errorf("verdicts: %s, want untouched", got)
	}
	issuer.FaultJWKS(nil)
	issuer.FaultValidate(teapot)
	if status, _, _ := fetch(t, issuer); status != http.StatusOK {
		t.Errorf("keys: status %d, want 200 again", status)
	}
	if a := ask(t.Context(), issuer, http.MethodPost, issuer.Token()); a.status != http.StatusTeapot {
		t.Errorf("verdicts: status %d, want the handler's", a.status)
	}
	issuer.Down()
	if a := ask(t.Context(), issuer, http.MethodPost, ""); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("down: status %d, headers %v", a.status, a.header)
	}
}

func TestStartWithoutATest(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start()
	issuer.Refuse()
	issuer.Close()
	issuer.Close()
	issuer.Up()
	defer func() {
		if recover() == nil {
			t.Error("misuse does not panic")
		}
	}()
	issuer.RemoveKey("none")
}
