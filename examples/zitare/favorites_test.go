package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

const favoritesPath = "/api/v1/favorites"

// caller is one user of a backend.
type caller struct {
	t      *testing.T
	server backend
	token  string
}

func (c caller) call(method, path, body string) answer {
	c.t.Helper()
	return call(c.t, c.server, method, path, body, "Bearer "+c.token)
}

func twoCallers(t *testing.T) (ada, bob caller) {
	issuer := authtest.NewIssuer(t)
	server := start(t, source{url: issuer.URL()}, func(*client.Config) {})
	return caller{t, server, issuer.Token(authtest.Subject("ada"))}, caller{t, server, issuer.Token(authtest.Subject("bob"))}
}

func TestFavorites(t *testing.T) {
	t.Parallel()
	ada, bob := twoCallers(t)
	const empty = `{"favorites":[]}`
	for _, step := range []struct {
		name         string
		who          caller
		method, path string
		body         string
		want         answer
	}{
		{"none yet", ada, "GET", favoritesPath, "", answer{Status: 200, Body: empty}},
		{"added", ada, "POST", favoritesPath, `{"quoteId":"seneca-1"}`, answer{Status: 201, Body: `{"quoteId":"seneca-1","createdAt":"NOW"}`}},
		{"a duplicate", ada, "POST", favoritesPath, `{"quoteId":"seneca-1"}`, answer{Status: 409, Body: envelopeText(409, "CONFLICT", "Quote is already a favorite", favoritesPath)}},
		{"another one, with a slash", ada, "POST", favoritesPath, `{"quoteId":"a/b"}`, answer{Status: 201, Body: `{"quoteId":"a/b","createdAt":"NOW"}`}},
		{"both, oldest first", ada, "GET", favoritesPath, "", answer{Status: 200, Body: `{"favorites":[{"quoteId":"seneca-1","createdAt":"NOW"},{"quoteId":"a/b","createdAt":"NOW"}]}`}},
		{"J193 not another user's", bob, "GET", favoritesPath, "", answer{Status: 200, Body: empty}},
		{"J193 nor for another user to delete", bob, "DELETE", favoritesPath + "/seneca-1", "", answer{Status: 404, Body: envelopeText(404, "NOT_FOUND", "Favorite not found", favoritesPath+"/seneca-1")}},
		{"the same quote for another user", bob, "POST", favoritesPath, `{"quoteId":"seneca-1"}`, answer{Status: 201, Body: `{"quoteId":"seneca-1","createdAt":"NOW"}`}},
		{"deleted", ada, "DELETE", favoritesPath + "/a%2Fb", "", answer{Status: 204}},
		{"deleted twice", ada, "DELETE", favoritesPath + "/a%2Fb", "", answer{Status: 404, Body: envelopeText(404, "NOT_FOUND", "Favorite not found", favoritesPath+"/a%2Fb")}},
		{"one left", ada, "GET", favoritesPath, "", answer{Status: 200, Body: `{"favorites":[{"quoteId":"seneca-1","createdAt":"NOW"}]}`}},
	} {
		if diff := cmp.Diff(step.want, step.who.call(step.method, step.path, step.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	ada, _ := twoCallers(t)
	bad := envelopeText(400, "INVALID_REQUEST", "Request body is not the expected JSON object", favoritesPath)
	invalid := `{"statusCode":400,"message":["quoteId must have 1 to 255 characters"],"error":"VALIDATION_FAILED","code":"VALIDATION_FAILED","timestamp":"NOW","path":"/api/v1/favorites"}`
	for _, c := range []struct {
		name, method, path, body string
		want                     answer
	}{
		{"no body", "POST", favoritesPath, "", answer{Status: 400, Body: bad}},
		{"malformed JSON", "POST", favoritesPath, `{"quoteId":`, answer{Status: 400, Body: bad}},
		{"two objects", "POST", favoritesPath, `{"quoteId":"a"}{"quoteId":"b"}`, answer{Status: 400, Body: bad}},
		{"not an object", "POST", favoritesPath, `["quoteId"]`, answer{Status: 400, Body: bad}},
		{"wrong type", "POST", favoritesPath, `{"quoteId":5}`, answer{Status: 400, Body: bad}},
		{"C59 duplicate member", "POST", favoritesPath, `{"quoteId":"a","quoteId":"b"}`, answer{Status: 400, Body: bad}},
		{"C62 member in another case", "POST", favoritesPath, `{"QUOTEID":"a"}`, answer{Status: 400, Body: bad}},
		{"C67 invalid UTF-8", "POST", favoritesPath, "{\"quoteId\":\"a\xff\"}", answer{Status: 400, Body: bad}},
		{"I173 unknown member", "POST", favoritesPath, `{"quoteId":"a","userId":"bob"}`, answer{Status: 400, Body: bad}},
		{"null", "POST", favoritesPath, `{"quoteId":null}`, answer{Status: 400, Body: invalid}},
		{"empty", "POST", favoritesPath, `{"quoteId":""}`, answer{Status: 400, Body: invalid}},
		{"too long", "POST", favoritesPath, `{"quoteId":"` + strings.Repeat("ë", 256) + `"}`, answer{Status: 400, Body: invalid}},
		{"101 KB", "POST", favoritesPath, `{"quoteId":"` + strings.Repeat("x", 101<<10) + `"}`, answer{Status: 413, Body: envelopeText(413, "PAYLOAD_TOO_LARGE", "Request body is too large", favoritesPath)}},
		{"wrong method", "PUT", favoritesPath, `{"quoteId":"a"}`, answer{Status: 404, Body: envelopeText(404, "NOT_FOUND", "Cannot PUT /api/v1/favorites", favoritesPath)}},
		{"unknown path", "GET", "/api/v1/nope?token=secret", "", answer{Status: 404, Body: envelopeText(404, "NOT_FOUND", "Cannot GET /api/v1/nope", "/api/v1/nope")}},
	} {
		if diff := cmp.Diff(c.want, ada.call(c.method, c.path, c.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if got := ada.call("GET", favoritesPath, ""); got.Body != `{"favorites":[]}` {
		t.Errorf("something was stored: %s", got.Body)
	}
	if got := ada.call("POST", favoritesPath, `{"quoteId":"`+strings.Repeat("ë", 255)+`"}`); got.Status != 201 {
		t.Errorf("255 characters: %d", got.Status)
	}
}

// TestGuarded shows that every route but the public one needs a token,
// whatever its method.
func TestGuarded(t *testing.T) {
	t.Parallel()
	ada, _ := twoCallers(t)
	for _, route := range []string{"GET /api/v1/me", "GET /api/v1/favorites", "POST /api/v1/favorites", "DELETE /api/v1/favorites/x", "GET /nope", "OPTIONS /api/v1/me", "POST /health", "GET /health/x"} {
		method, path, _ := strings.Cut(route, " ")
		if got := call(t, ada.server, method, path, ""); got.Status != http.StatusUnauthorized || got.Challenge != "Bearer" {
			t.Errorf("G144 %s: %d %q without a token, want 401", route, got.Status, got.Challenge)
		}
	}
	if diff := cmp.Diff(answer{Status: 200, Body: `{"status":"ok","timestamp":"NOW"}`}, call(t, ada.server, "GET", "/health", "")); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

func TestFavoritesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFavorites()
	for n := range maxFavorites {
		if _, err := f.add("ada", fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.add("ada", "one more"); err != errTooMany {
		t.Errorf("err = %v, want errTooMany", err)
	}
	if _, err := f.add("bob", "one"); err != nil {
		t.Errorf("another user: %v", err)
	}
}
