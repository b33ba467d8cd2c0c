package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

const realPassword = "correct horse battery staple"

// source is an auth server and a good token of it.
type source struct {
	url     string
	key     ed25519.PublicKey
	user    client.User // whom the tokens speak for
	valid   string
	refresh string // of valid's session, where there is one
	odd     func() odd
	stop    func() // the server is gone afterwards
}

// odd are tokens that carry the server's own signature, where it can be made
// to sign such a thing.
type odd struct{ expired, wrongIssuer, wrongAudience, unknownKid, large string }

// fake has authtest for its auth server.
func fake(t *testing.T) source {
	issuer := authtest.NewIssuer(t)
	return source{
		url: issuer.URL(),
		key: issuer.PublicKey(issuer.Kids()[0]),
		user: client.User{
			ID: authtest.DefaultSubject, Email: authtest.DefaultEmail, Role: authtest.DefaultRole, SessionID: authtest.DefaultSessionID,
		},
		valid: issuer.Token(),
		odd: func() odd {
			return odd{
				expired:       issuer.Token(authtest.Expired()),
				wrongIssuer:   issuer.Token(authtest.OtherIssuer()),
				wrongAudience: issuer.Token(authtest.OtherAudience()),
				unknownKid:    issuer.Token(authtest.UnknownKid()),
				large:         issuer.Token(authtest.Set("pad", strings.Repeat("x", 9<<10))),
			}
		},
		stop: issuer.Refuse,
	}
}

// real has authserver. Its configuration and its clock make it sign an odd
// token; what they can't is forged from its good one.
func real(t *testing.T) source {
	config := authserver.Config{
		Database: authserver.Database{SQLitePath: filepath.Join(t.TempDir(), "auth.db")},
		Logger:   slog.New(slog.DiscardHandler),
	}
	anHourAgo := config
	anHourAgo.Clock = authtest.NewClock(time.Now().Add(-time.Hour))
	earlier := openServer(t, anHourAgo)
	post(t, earlier.URL, "register", map[string]any{"email": "ada@example.com", "password": realPassword, "name": "Ada"})
	expired := login(t, earlier.URL).AccessToken
	// The others are over the same database, so with the same key.
	server := openServer(t, config)
	now := login(t, server.URL)
	sid, _ := decode(t, part(now.AccessToken, 1))["sid"].(string)
	s := source{
		url:     server.URL,
		key:     publicKey(t, server.URL),
		user:    client.User{ID: now.User.ID, Email: now.User.Email, Role: now.User.Role, SessionID: sid},
		valid:   now.AccessToken,
		refresh: now.RefreshToken,
		stop: func() {
			server.CloseClientConnections() // a feed of revocations ends by itself only when its server does
			server.Close()
		},
	}
	s.odd = func() odd {
		issuer, audience := config, config
		issuer.Tokens.Issuer, audience.Tokens.Audience = "other-issuer", "other-audience"
		return odd{
			expired:       expired,
			wrongIssuer:   login(t, openServer(t, issuer).URL).AccessToken,
			wrongAudience: login(t, openServer(t, audience).URL).AccessToken,
			unknownKid:    withHeader(s.valid, `{"alg":"EdDSA","kid":"unknown"}`),
			large:         part(s.valid, 0) + "." + strings.Repeat("x", 9<<10) + "." + part(s.valid, 2),
		}
	}
	return s
}

func openServer(t *testing.T, config authserver.Config) *httptest.Server {
	t.Helper()
	auth, err := authserver.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(auth.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := auth.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

type session struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	User         struct {
		ID    string `json:"id"`
		Email string `json:"email"`
		Role  string `json:"role"`
	} `json:"user"`
}

func login(t *testing.T, url string) session {
	t.Helper()
	body := post(t, url, "login", map[string]any{"email": "ada@example.com", "password": realPassword})
	var opened session
	if err := json.Unmarshal(body, &opened); err != nil {
		t.Fatal(err)
	}
	return opened
}

func post(t *testing.T, url, endpoint string, body any) []byte {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url+"/api/v1/auth/"+endpoint, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, response, response.StatusCode < 300)
}

func readAll(t *testing.T, response *http.Response, ok bool) []byte {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !ok {
		t.Fatalf("%s: %s, %v", response.Status, body, err)
	}
	return body
}

func publicKey(t *testing.T, url string) ed25519.PublicKey {
	t.Helper()
	response, err := http.Get(url + "/api/v1/auth/jwks")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct {
			X string `json:"x"`
		} `json:"keys"`
	}
	body := readAll(t, response, response.StatusCode == http.StatusOK)
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	return decodeText(t, set.Keys[0].X)
}

// Forgeries are made from the text of a token, with nothing of the project's.

func part(token string, n int) string { return strings.Split(token, ".")[n] }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decodeText(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(decodeText(t, text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func withHeader(token, header string) string {
	return encode([]byte(header)) + token[strings.IndexByte(token, '.'):]
}

func tamperedSignature(t *testing.T, token string) string {
	signature := decodeText(t, part(token, 2))
	signature[10] ^= 1
	return part(token, 0) + "." + part(token, 1) + "." + encode(signature)
}

// tamperedPayload makes the user an admin.
func tamperedPayload(t *testing.T, token string) string {
	before := decodeText(t, part(token, 1))
	after := bytes.Replace(before, []byte(`"role":"user"`), []byte(`"role":"admin"`), 1)
	if bytes.Equal(before, after) {
		t.Fatal("no role to tamper with")
	}
	return part(token, 0) + "." + encode(after) + "." + part(token, 2)
}

func algNone(token string) string {
	return encode([]byte(`{"alg":"none"}`)) + "." + part(token, 1) + "."
}

func hs256(t *testing.T, token string, secret []byte) string {
	kid, _ := decode(t, part(token, 0))["kid"].(string)
	input := encode([]byte(`{"alg":"HS256","kid":"`+kid+`"}`)) + "." + part(token, 1)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil))
}
