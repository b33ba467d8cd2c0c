package authtest_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
)

const jwks = "/api/v1/auth/jwks"

func TestRotation(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	first := issuer.Kids()[0]
	old := issuer.Token()
	_, _, etag := fetch(t, issuer)
	second := issuer.Rotate()
	if diff := cmp.Diff([]string{first, second}, issuer.Kids()); diff != "" {
		t.Errorf("kids (-want +got):\n%s", diff)
	}
	if _, _, now := fetch(t, issuer); now == etag {
		t.Error("one ETag for two key sets")
	}
	if _, _, signed := parts(t, issuer.Token(), issuer.PublicKey(second)); !signed {
		t.Error("the new key does not sign")
	}
	if got := validate(issuer, old); !isValid(got) {
		t.Errorf("old token during the overlap: %s", got)
	}

	issuer.RemoveKey(second)
	if !slices.Equal(issuer.Kids(), []string{first}) {
		t.Errorf("kids after the removal: %q", issuer.Kids())
	}
	if _, _, signed := parts(t, issuer.Token(), issuer.PublicKey(first)); !signed {
		t.Error("the first key does not sign again")
	}
	const unknown = `{"valid":false,"error":"Invalid token: unknown key"}`
	if got := validate(issuer, issuer.Token(authtest.Kid(second))); got != unknown {
		t.Errorf("H147 token of the removed key: %s", got)
	}
	issuer.RemoveKey(first)
	if got := validate(issuer, issuer.Token()); got != unknown {
		t.Errorf("token without a published key: %s", got)
	}
}

func TestOddKeySets(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithSeed("odd"))
	_, good, _ := fetch(t, issuer)
	issuer.AddJWK(`{"kty":"oct"}`)
	issuer.AddJWK(`nonsense`)
	if _, got, _ := fetch(t, issuer); got != good[:len(good)-2]+`,{"kty":"oct"},nonsense]}` {
		t.Errorf("with odd keys: %s", got)
	}
	for _, document := range []string{`{"keys":[]}`, `{`, ``} {
		issuer.SetJWKS([]byte(document))
		if status, got, etag := fetch(t, issuer); status != http.StatusOK || got != document || etag == "" {
			t.Errorf("SetJWKS(%s): %d %s, ETag %s", document, status, got, etag)
		}
	}
	issuer.SetJWKS(nil)
	if _, got, _ := fetch(t, issuer); got == `` {
		t.Error("SetJWKS(nil) does not go back")
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	for d, want := range map[time.Duration]string{
		authtest.DefaultMaxAge:  "public, max-age=300",
		1500 * time.Millisecond: "public, max-age=1",
		0:                       "public, max-age=0",
	} {
		issuer.MaxAge(d)
		response, err := issuer.HTTPClient().Get(issuer.URL() + jwks)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Cache-Control"); got != want {
			t.Errorf("MaxAge(%v): Cache-Control %q, want %q", d, got, want)
		}
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	fetch(t, issuer)
	fetch(t, issuer)
	issuer.Down()
	validate(issuer, issuer.Token())
	if j, v := issuer.JWKSRequests(), issuer.ValidateRequests(); j != 2 || v != 1 {
		t.Errorf("%d requests for keys and %d for verdicts, want 2 and 1", j, v)
	}
}
