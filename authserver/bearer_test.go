package authserver

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// TestO20OneReaderOfBearer sends each form of the Authorization header to the
// server and to a guard that has its keys. Both give the same status.
func TestO20OneReaderOfBearer(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Clock = nil })
	token := h.register("ann").Token
	token = h.refreshed(token).AccessToken
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: h.url}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close() })
	guarded := nethttp.Guard(auth)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	for _, c := range []struct {
		name  string
		lines []string
		want  int
	}{
		{"good", []string{"Bearer " + token}, http.StatusOK},
		{"lower case", []string{"bearer " + token}, http.StatusOK},
		{"spaces", []string{"Bearer   " + token}, http.StatusOK},
		{"O20 comma in the token", []string{"Bearer a,b"}, http.StatusUnauthorized},
		{"comma behind a token", []string{"Bearer " + token + ","}, http.StatusUnauthorized},
		{"list", []string{"Bearer " + token + ", Basic x"}, http.StatusBadRequest},
		{"two words", []string{"Bearer a b"}, http.StatusBadRequest},
		{"tab", []string{"Bearer\t" + token}, http.StatusBadRequest},
		{"scheme twice", []string{"Bearer Bearer " + token}, http.StatusBadRequest},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, http.StatusBadRequest},
		{"empty one before", []string{"", "Bearer " + token}, http.StatusBadRequest},
		{"nothing", nil, http.StatusUnauthorized},
		{"empty", []string{""}, http.StatusUnauthorized},
		{"no token", []string{"Bearer"}, http.StatusUnauthorized},
		{"no scheme", []string{token}, http.StatusUnauthorized},
		{"another scheme", []string{"Basic YTpi"}, http.StatusUnauthorized},
		{"quotes", []string{`Bearer "` + token + `"`}, http.StatusUnauthorized},
	} {
		var headers []string
		for _, line := range c.lines {
			headers = append(headers, "Authorization", line)
		}
		if got := h.do("GET", wire.SessionPath, "", headers...).status; got != c.want {
			t.Errorf("%s: the server answers %d, want %d", c.name, got, c.want)
		}
		r, w := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), httptest.NewRecorder()
		r.Header["Authorization"] = c.lines
		if guarded.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s: the guard answers %d, want %d", c.name, w.Code, c.want)
		}
	}
}
