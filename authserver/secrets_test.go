package authserver

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestNoSecretIsKeptOrLogged plays a story of users and of an operator, and
// looks for its secrets, the live and the spent, in all that the database keeps
// and in the log.
func TestNoSecretIsKeptOrLogged(t *testing.T) {
	t.Parallel()
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := config(t)
			keep := func(c *Config) { c.Database.URL, c.Keys.EncryptionKey = kept.Database.URL, kept.Keys.EncryptionKey }
			h := serverFor(t, keep)
			secrets, live := playSecrets(h, adminOf(h, keep))
			dump := sqliteDump
			if kept.Database.URL != "" {
				dump = func(h *harness) string { return postgresDump(h, kept.Database.URL) }
			}
			content, log := dump(h), h.log.String()
			for name, secret := range secrets {
				for form, text := range spellings(secret) {
					if strings.Contains(content, text) {
						t.Errorf("%s, %s: in the database", name, form)
					}
					if strings.Contains(log, text) {
						t.Errorf("%s, %s: in the log", name, form)
					}
				}
			}
			// The search finds what is there, text and bytes.
			digest := secret.Hash(live)
			if !strings.Contains(content, "ann@example.com") || !strings.Contains(log, "status=200") ||
				!strings.Contains(content, string(digest[:])) && !strings.Contains(content, hex.EncodeToString(digest[:])) {
				t.Error("the search finds nothing at all")
			}
			if strings.Contains(log, "ann@example.com") {
				t.Error("an e-mail address is in the log")
			}
		})
	}
}

// playSecrets uses each route and each command that a secret goes into or comes
// from. live is a refresh token that is good at the end.
func playSecrets(h *harness, admin *Admin) (secrets map[string]string, live string) {
	const changed = "another horse, another battery"
	secrets = map[string]string{
		"password": goodPassword, "changed password": changed,
		"key-encryption key": string(testKEK), "private key": string(privateSeed(h.T, h, testKEK)),
	}
	keep := func(name string, tokens wire.TokenResponse) wire.TokenResponse {
		secrets[name+" refresh token"] = tokens.RefreshToken
		secrets[name+" access token"] = tokens.AccessToken
		secrets[name+" signature"] = tokens.AccessToken[strings.LastIndexByte(tokens.AccessToken, '.')+1:]
		return tokens
	}
	secrets["registration's refresh token"] = h.register("ann").Token
	first := keep("first", h.login("ann"))
	second := keep("second", h.refreshed(first.RefreshToken))
	keep("repeated", h.refreshed(first.RefreshToken)) // from what is sealed
	third := keep("third", h.refreshed(second.RefreshToken))
	h.session(third.AccessToken)
	h.valid(third.AccessToken, "")
	h.do("GET", wire.SessionPath+"?token="+third.AccessToken, "")
	h.do("GET", "/api/v1/"+third.RefreshToken, "")
	h.post(wire.LoginPath, object{"email": "ann@example.com", "password": "wrong " + goodPassword})
	h.post(wire.LoginPath, `{"password":"`+goodPassword)
	h.refresh(first.RefreshToken) // theft
	fourth := keep("fourth", h.login("ann"))
	h.post(wire.LogoutPath, object{"refreshToken": fourth.RefreshToken})

	fifth := keep("fifth", h.login("ann"))
	h.as(fifth.AccessToken, "POST", wire.ChangePasswordPath, object{"currentPassword": "wrong " + goodPassword, "newPassword": changed})
	decode[wire.SuccessResponse](h.T, h.as(fifth.AccessToken, "POST", wire.ChangePasswordPath,
		object{"currentPassword": goodPassword, "newPassword": changed}), http.StatusOK)
	last := keep("last", h.refreshed(fifth.RefreshToken))
	h.register("bob")
	bob := keep("bob's", h.login("bob"))
	decode[wire.SuccessResponse](h.T, h.as(bob.AccessToken, "DELETE", wire.AccountPath,
		object{"password": goodPassword, "reason": "tired"}), http.StatusOK)

	secrets["operator's password"] = "operator of horses"
	if _, err := admin.CreateUser(h.Context(), NewUser{Email: "op@example.com", Name: "Op", Password: secrets["operator's password"], Role: "admin"}); err != nil {
		h.Fatal(err)
	}
	_, key, err := admin.CreateServiceKey(h.Context(), NewServiceKey{AppID: "chat"})
	if err != nil {
		h.Fatal(err)
	}
	secrets["service key"] = key
	h.do("GET", wire.InternalCreditsPath+"/balance/nobody", "", wire.ServiceKeyHeader, key, wire.AppIDHeader, "chat")
	return secrets, last.RefreshToken
}

// spellings are the forms in which a secret might lie about.
func spellings(secret string) map[string]string {
	forms := map[string]string{
		"as it is": secret, "hex": hex.EncodeToString([]byte(secret)),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
		forms["decoded"], forms["decoded, hex"] = string(raw), hex.EncodeToString(raw)
	}
	return forms
}

// sqliteDump is the database's files as they lie on the disk.
func sqliteDump(h *harness) string {
	var all strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(h.path + suffix)
		if err != nil {
			h.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// postgresDump is every row of every table.
func postgresDump(h *harness, url string) string {
	connection, err := pgx.Connect(h.Context(), url)
	if err != nil {
		h.Fatal(err)
	}
	defer connection.Close(h.Context())
	rows, err := connection.Query(h.Context(), `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		h.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 8 {
		h.Fatalf("tables %v, %v", tables, err)
	}
	var all strings.Builder
	for _, table := range tables {
		var text string
		if err := connection.QueryRow(h.Context(), `SELECT coalesce(string_agg(x::text, E'\n'), '') FROM `+table+` x`).Scan(&text); err != nil {
			h.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s\n", table, text)
	}
	return all.String()
}

// privateSeed opens the signing key as the server does.
func privateSeed(t *testing.T, h *harness, kek []byte) []byte {
	t.Helper()
	rows, err := h.server.store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(rows, kek, h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.Signing(h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return key.Private.Seed()
}
