package authtest_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
)

// Inside a bubble of testing/synctest the issuer and a client go through an
// outage of hours, and the test takes no time.
func TestS31Bubble(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{"local", "remote"} {
		t.Run("S31 "+string(mode), func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				issuer := authtest.NewIssuer(t, authtest.WithoutSockets())
				auth, err := client.New(client.Config{
					Mode: mode, Issuers: []client.Issuer{{URL: issuer.URL()}}, HTTPClient: issuer.HTTPClient(),
				})
				if err != nil {
					t.Fatal(err)
				}
				defer auth.Close()
				is := func(what string, want error) {
					t.Helper()
					if _, err := auth.Verify(t.Context(), issuer.Token()); !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", what, err, want)
					}
				}
				is("healthy", nil)
				old := issuer.Token()
				for name, outage := range map[string]func(){
					"hang": issuer.Hang, "refuse": issuer.Refuse, "down": issuer.Down, "slow": func() { issuer.Slow(time.Hour) },
				} {
					outage()
					time.Sleep(2 * time.Hour)
					is(name, client.ErrUnavailable)
					issuer.Up()
					time.Sleep(time.Minute)
					is("after "+name, nil)
				}
				if _, err := auth.Verify(t.Context(), old); !errors.Is(err, client.ErrUnauthenticated) {
					t.Errorf("a token of hours ago: %v", err)
				}
			})
		})
	}
}

// Without its HTTPClient nobody reaches it.
func TestPipesAloneLeadToIt(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithoutSockets())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer.URL()+jwks, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := transport.RoundTrip(r); err == nil {
		response.Body.Close()
		t.Errorf("status %d through a socket", response.StatusCode)
	}
	if status, _, _ := fetch(t, issuer); status != http.StatusOK {
		t.Errorf("status %d through a pipe", status)
	}
	r.URL.Host = "127.0.0.1:3"
	if response, err := issuer.HTTPClient().Do(r); err == nil {
		response.Body.Close()
		t.Error("a pipe to an address where nobody listens")
	}
}
