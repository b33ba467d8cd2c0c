package client_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// Strict is not narrow: what the standards and the contract allow goes in, in
// both modes, and says what it says.
func TestAccepted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	plain := client.User{
		ID: authtest.DefaultSubject, Email: authtest.DefaultEmail, Role: authtest.DefaultRole, SessionID: authtest.DefaultSessionID,
		IssuedAt: epoch, ExpiresAt: epoch.Add(authtest.TokenLife),
	}
	like := func(edit func(*client.User)) client.User { u := plain; edit(&u); return u }
	for _, c := range []struct {
		name  string
		claim authtest.Claim
		want  client.User
	}{
		{"plain", authtest.All(), plain},
		{"B53 typ absent", authtest.WithoutHeader("typ"), plain},
		{"B53 typ JWT", authtest.Header("typ", "JWT"), plain},
		{"B53 typ jwt", authtest.Header("typ", "jwt"), plain},
		{"B53 typ application/JWT", authtest.Header("typ", "application/JWT"), plain},
		{"B53 typ at+jwt", authtest.Header("typ", "at+jwt"), plain},
		{"B53 typ AT+JWT", authtest.Header("typ", "AT+JWT"), plain},
		{"B53 typ application/at+jwt", authtest.Header("typ", "application/at+jwt"), plain},
		{"B53 typ Application/At+Jwt", authtest.Header("typ", "Application/At+Jwt"), plain},
		{"an unknown parameter", authtest.Header("https://example.com/p", map[string]any{"alg": "none"}), plain},
		{"an unknown claim", authtest.Set("https://example.com/c", []any{1, "x", nil, map[string]any{"sub": "admin"}}), plain},
		{"C72 31 levels", set("x", strings.Repeat("[", 31)+strings.Repeat("]", 31)), plain},
		{"C73 the largest float64", set("x", "1.7976931348623157e308"), plain},
		{"aud array", authtest.Audience("other", "manacore"), plain},
		{"aud array of one", set("aud", `["manacore"]`), plain},
		{"iat absent", authtest.Without("iat"), like(func(u *client.User) { u.IssuedAt = time.Time{} })},
		{"S20 null in sid", set("sid", "null"), like(func(u *client.User) { u.SessionID = "" })},
		{"S20 null in sessionId", set("sessionId", "null"), plain},
		{"S20 null in iat", set("iat", "null"), like(func(u *client.User) { u.IssuedAt = time.Time{} })},
		{"S20 null in what other tokens have", authtest.All(set("nonce", "null"), set("client_id", "null"), set("azp", "null"), set("token_use", "null"), set("events", "null"), set("jti", "null")), plain},
		{"S19 iat at exp", authtest.All(authtest.ExpiresIn(time.Second), authtest.IssuedAt(epoch.Add(time.Second))), like(func(u *client.User) {
			u.IssuedAt = epoch.Add(time.Second)
			u.ExpiresAt = u.IssuedAt
		})},
		{"sid empty", authtest.SessionID(""), like(func(u *client.User) { u.SessionID = "" })},
		{"sid absent", authtest.Without("sid"), like(func(u *client.User) { u.SessionID = "" })},
		{"tier", authtest.Tier("beta"), like(func(u *client.User) { u.Tier = "beta" })},
		{"a tier of its own", authtest.Tier("gold"), like(func(u *client.User) { u.Tier = "gold" })},
		{"email_verified", authtest.EmailVerified(true), like(func(u *client.User) { u.EmailVerified = true })},
		{"not verified", authtest.EmailVerified(false), plain},
		{"null in tier and email_verified", authtest.All(set("tier", "null"), set("email_verified", "null")), plain},
		{"role admin", authtest.Role("admin"), like(func(u *client.User) { u.Role = "admin" })},
		{"sub of one character", authtest.Subject("7"), like(func(u *client.User) { u.ID = "7" })},
		{"sub of 512 bytes", authtest.Subject(strings.Repeat("s", 512)), like(func(u *client.User) { u.ID = strings.Repeat("s", 512) })},
		{"sub beyond ASCII", authtest.Subject("zo\u00eb \u65e5\u672c \U0001f600"), like(func(u *client.User) { u.ID = "zo\u00eb \u65e5\u672c \U0001f600" })},
		{"sub with quotes", authtest.Subject(`a"b\c/d`), like(func(u *client.User) { u.ID = `a"b\c/d` })},
		{"D84 expired within the leeway", authtest.ExpiresIn(-9 * time.Second), like(func(u *client.User) {
			u.ExpiresAt = epoch.Add(-9 * time.Second)
			u.IssuedAt = u.ExpiresAt.Add(-authtest.TokenLife)
		})},
		{"D85 the longest life", authtest.ExpiresIn(24 * time.Hour), like(func(u *client.User) { u.ExpiresAt = epoch.Add(24 * time.Hour) })},
		{"D86 nbf now", authtest.NotBefore(epoch), plain},
		{"D87 iat within the leeway", authtest.IssuedAt(epoch.Add(10 * time.Second)), like(func(u *client.User) { u.IssuedAt = epoch.Add(10 * time.Second) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := l.Token(c.claim)
			for range 2 { // the second is the cache's
				if user, err := l.auth.Verify(t.Context(), token); err != nil || user != c.want {
					t.Errorf("Local: got %+v, %v\nwant %+v", user, err, c.want)
				}
			}
			user, err := l.remote.Verify(t.Context(), token)
			if strings.HasPrefix(c.name, "D84") {
				// The auth server allows no leeway, and has the last word.
				if !errors.Is(err, client.ErrExpired) {
					t.Errorf("Remote: got %+v, %v", user, err)
				}
				return
			}
			user.IssuedAt = c.want.IssuedAt // of a token without iat the server's answer says 0
			want := c.want
			want.Tier = cmp.Or(want.Tier, authtest.DefaultTier) // which the server's answer says always
			if err != nil || user != want {
				t.Errorf("Remote: got %+v, %v\nwant %+v", user, err, want)
			}
		})
	}
}

// RFC 7519 section 2: a NumericDate may have a fraction. (The auth server's
// own verdict is about whole seconds, so this is local mode's.)
func TestNumericDate(t *testing.T) {
	t.Parallel()
	r := newRig(t, patient)
	for value, want := range map[string]time.Time{
		"1767323945":         epoch.Add(15 * time.Minute),
		"1767323945.0":       epoch.Add(15 * time.Minute),
		"1767323945.5":       epoch.Add(15*time.Minute + 500*time.Millisecond),
		"1.767323945e9":      epoch.Add(15 * time.Minute),
		"17673239450E-1":     epoch.Add(15 * time.Minute),
		"1767323945.0000000": epoch.Add(15 * time.Minute),
	} {
		user, err := r.auth.Verify(t.Context(), r.Token(set("exp", value), set("nbf", "1767323045.25e0"), set("iat", "1767323044.5")))
		if err != nil || !user.ExpiresAt.Equal(want) || !user.IssuedAt.Equal(epoch.Add(-500*time.Millisecond)) {
			t.Errorf("exp %s: got %+v, %v", value, user, err)
		}
	}
}

// The tokens that the existing service has issued verify with the key set that
// it published: no iat, no typ, an empty sid.
func TestTokensOfTheExistingService(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(shared(t, "fixtures"), "mana-core-auth-4d15d9e76.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	var fixture struct {
		Users []struct {
			Email string
			Login struct {
				User        struct{ ID, Role string }
				AccessToken string
			}
		}
		JWKS json.RawMessage
	}
	if err := json.Unmarshal(data, &fixture); err != nil {
		t.Fatal(err)
	}
	if len(fixture.Users) != 3 {
		t.Fatalf("%d users in the fixture", len(fixture.Users))
	}
	r := newRig(t, patient)
	r.SetJWKS(fixture.JWKS)
	r.clock.Set(time.Unix(1795380702-900, 0))
	for _, u := range fixture.Users {
		user, err := r.auth.Verify(t.Context(), u.Login.AccessToken)
		exp := user.ExpiresAt.Unix()
		if err != nil || exp < 1795380702 || exp > 1795380703 {
			t.Errorf("%s: got %+v, %v", u.Email, user, err)
		}
		want := client.User{ID: u.Login.User.ID, Email: u.Email, Role: u.Login.User.Role, ExpiresAt: time.Unix(exp, 0).UTC()}
		if user != want {
			t.Errorf("got %+v, want %+v", user, want)
		}
	}
	r.clock.Set(time.Unix(1795380703+10, 0))
	for _, u := range fixture.Users {
		refused(t, r.auth, u.Login.AccessToken, client.ErrExpired)
	}
	// And not without the key: nothing was taken on trust.
	r.SetJWKS(nil)
	r.clock.Set(time.Unix(1795380702-900, 0))
	r.auth = r.newClient(nil)
	refused(t, r.auth, fixture.Users[0].Login.AccessToken, client.ErrUnknownKey)
	if bytes.Contains(fixture.JWKS, []byte(r.Kids()[0])) {
		t.Error("the issuer's own key is in the fixture")
	}
}
