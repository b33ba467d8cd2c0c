package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/middleware/charge"
)

// ask asks for a completion as ada.
func ask(t *testing.T, server *httptest.Server, issuer *authtest.Issuer, body string, header ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+issuer.Token(authtest.Subject("ada")))
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func read(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func has(t *testing.T, issuer *authtest.Issuer, want int64) {
	t.Helper()
	if available, held := issuer.Credits("ada"); available != want || held != 0 {
		t.Errorf("%d credits and %d reserved, want %d and 0", available, held, want)
	}
}

// The backend serves users of auth servers of either generation.
func TestCompletionCostsByLength(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]authtest.Option{"2025": nil, "2026": {authtest.WithGeneration2026()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t, opts...)
			server := start(t, issuer, devbypass.Config{})
			response := ask(t, server, issuer, `{"prompt":"two words","maxWords":100}`)
			if body := read(t, response); response.StatusCode != 200 || strings.Count(body, "data: ") != 6 || !strings.HasPrefix(body, "data: words\n\ndata: two\n\n") {
				t.Errorf("%d %q", response.StatusCode, body)
			}
			if response.Header.Get(charge.ReservationHeader) == "" || response.Trailer.Get(charge.TransactionTrailer) == "" {
				t.Errorf("header %v, trailer %v", response.Header, response.Trailer)
			}
			has(t, issuer, 144)
			read(t, ask(t, server, issuer, `{"prompt":"two words","maxWords":5}`))
			has(t, issuer, 139)
		})
	}
}

func TestCompletionRefused(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	server := start(t, issuer, devbypass.Config{})
	for body, want := range map[string]int{
		`{"prompt":"x","maxWords":151}`: 402, `{"prompt":"x","maxWords":201}`: 400, `{"prompt":"x","maxWords":-1}`: 400,
		`{"maxWords":5}`: 400, `{`: 400, `{"prompt":"` + strings.Repeat("x", 65<<10) + `"}`: 400,
	} {
		if response := ask(t, server, issuer, body); response.StatusCode != want {
			t.Errorf("%.40s: status %d, want %d", body, response.StatusCode, want)
		}
	}
	has(t, issuer, 150)
	body := read(t, ask(t, server, issuer, `{"prompt":"x","maxWords":151}`))
	if !strings.Contains(body, `"message":"Not enough credits for chat_completion. Required: 151, Available: 150"`) {
		t.Errorf("402 %s", body)
	}
	issuer.FaultCredits(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if response := ask(t, server, issuer, `{"prompt":"x"}`); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("status %d without a ledger, want 503", response.StatusCode)
	}
}

func TestCompletionRunsOnce(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	server := start(t, issuer, devbypass.Config{})
	for _, c := range []struct {
		body string
		want int
	}{{`{"prompt":"once"}`, 200}, {`{"prompt":"once"}`, 409}, {`{"prompt":"else"}`, 200}} {
		response := ask(t, server, issuer, c.body, charge.KeyHeader, "k")
		read(t, response)
		if response.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", c.body, response.StatusCode, c.want)
		}
	}
	has(t, issuer, 144)
}

// Whoever reads a word and leaves pays for what was sent, and at least for
// that word.
func TestCompletionLeftInTheMiddle(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	server := start(t, issuer, devbypass.Config{})
	response := ask(t, server, issuer, `{"prompt":"`+strings.Repeat("word ", 1000)+`","maxWords":100}`)
	if _, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	server.Close() // waits for the handler
	available, held := issuer.Credits("ada")
	if available < 50 || available > 149 || held != 0 {
		t.Errorf("%d credits and %d reserved, want 50 to 149 and 0", available, held)
	}
}
