package client_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// set gives a claim a value in JSON, as it is.
func set(claim, value string) authtest.Claim { return authtest.Set(claim, jsontext.Value(value)) }

// Section D, the types and ranges of the times.
func TestTimes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	attacks := []attack{
		{name: "D78 exp missing", claim: authtest.Without("exp"), want: client.ErrClaims},
		{name: "D78 every time missing", claim: authtest.Without("exp", "iat"), want: client.ErrClaims},
		{name: "D78 expires_at in its place", claim: authtest.All(authtest.Without("exp"), authtest.Set("expires_at", 1767323945)), want: client.ErrClaims},
		{name: "D85 100 years", claim: authtest.ExpiresIn(100 * 365 * 24 * time.Hour), want: client.ErrClaims},
		{name: "D85 a second over the longest", claim: authtest.ExpiresIn(24*time.Hour + 11*time.Second), want: client.ErrClaims},
		{name: "D86 nbf in an hour", claim: authtest.NotYetValid(), want: client.ErrClaims},
		{name: "D86 nbf past the leeway", claim: authtest.NotBefore(epoch.Add(11 * time.Second)), want: client.ErrClaims},
		{name: "D87 iat in a year", claim: authtest.IssuedAt(epoch.AddDate(1, 0, 0)), want: client.ErrClaims},
		{name: "S19 iat after exp", claim: authtest.All(authtest.ExpiresAt(epoch), authtest.IssuedAt(epoch.Add(time.Second))), want: client.ErrClaims},
		{name: "S19 iat after an exp of the past", claim: authtest.All(authtest.ExpiresIn(-9*time.Second), authtest.IssuedAt(epoch)), want: client.ErrClaims},
		{name: "S19 nbf after exp", claim: authtest.All(authtest.ExpiresAt(epoch), authtest.NotBefore(epoch.Add(time.Second))), want: client.ErrClaims},
		{name: "S19 nbf at exp", claim: authtest.All(authtest.ExpiresAt(epoch), authtest.IssuedAt(epoch), authtest.NotBefore(epoch)), want: client.ErrClaims},
		{name: "D87 iat past the leeway", claim: authtest.IssuedAt(epoch.Add(11 * time.Second)), want: client.ErrClaims},
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		good := strconv.FormatInt(epoch.Add(time.Minute).Unix(), 10)
		for _, value := range []string{
			"null", "true", "false", `"` + good + `"`, "[" + good + "]", "[]", "{}", `{"$date":` + good + "}", `""`, `"tomorrow"`, `"2030-01-01T00:00:00Z"`, // D79 D86
			"-1", "-0.5", "-1e300", "-" + good, "-0", // D80 D86
			"9223372036854775807", "9223372036854775808", "18446744073709551616", "1e18", "1e300", "253402300800", "1e400", "-1e400", good + "000", "18446744075477" + good[6:], // D81
		} {
			if name == "iat" && value == "null" {
				continue // that is none, see TestAccepted
			}
			number := map[string]string{"exp": "D79 D80 D81", "nbf": "D86", "iat": "D87"}[name]
			attacks = append(attacks, attack{name: number + " " + name + " " + value, claim: set(name, value), want: client.ErrClaims})
		}
		for _, value := range []string{"NaN", "Infinity", "-Infinity", "nan", "0x6957", "1_767_323_945"} {
			attacks = append(attacks, attack{name: "D82 " + name + " " + value, want: client.ErrMalformed,
				claim: l.inPayload(`"iss"`, `"`+name+`":`+value+`,"iss"`)})
		}
	}
	for _, value := range []string{"0", "0.0", "0e9", "1e-300", "1e-1000000", "0.999999999"} {
		attacks = append(attacks, attack{name: "D80 exp " + value, claim: set("exp", value), want: client.ErrClaims})
	}
	for _, ago := range []time.Duration{11 * time.Second, time.Minute, time.Hour, 365 * 24 * time.Hour} {
		attacks = append(attacks, attack{name: fmt.Sprintf("D84 expired %s ago", ago), claim: authtest.ExpiresIn(-ago), want: client.ErrExpired})
	}
	attacks = append(attacks, attack{name: "D84 expired in 1970", claim: set("exp", "1"), want: client.ErrExpired})
	l.refuse(t, attacks)
}

// D84 to D87 to the nanosecond, with the default leeway of 10 s, another and
// none. exp ends a token "on or after" its second (RFC 7519 section 4.1.4).
func TestLeeway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		config, leeway time.Duration
	}{
		{"default", 0, 10 * time.Second},
		{"none", -1, 0},
		{"one minute", time.Minute, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(config *client.Config) {
				patient(config)
				config.Tokens.Leeway, config.Cache.Size = c.config, -1
			})
			edge := epoch.Add(time.Hour)
			for _, row := range []struct {
				name  string
				claim authtest.Claim
				last  time.Time // the last instant at which the token is good, or
				first time.Time // the first
				want  error
			}{
				{"D84 exp", authtest.ExpiresAt(edge), edge.Add(c.leeway - 1), time.Time{}, client.ErrExpired},
				{"D86 nbf", authtest.All(authtest.ExpiresAt(edge.Add(time.Hour)), authtest.NotBefore(edge)), time.Time{}, edge.Add(-c.leeway), client.ErrClaims},
				{"D87 iat", authtest.All(authtest.ExpiresAt(edge.Add(time.Hour)), authtest.IssuedAt(edge)), time.Time{}, edge.Add(-c.leeway), client.ErrClaims},
				{"D85 life", authtest.ExpiresAt(edge.Add(24 * time.Hour)), time.Time{}, edge.Add(-c.leeway), client.ErrClaims},
			} {
				token := r.Token(authtest.Without("iat"), row.claim)
				good, bad := row.last, row.last.Add(1)
				if row.last.IsZero() {
					good, bad = row.first, row.first.Add(-1)
				}
				r.clock.Set(good)
				if err := r.verify(token); err != nil {
					t.Errorf("%s: refused at %s: %v", row.name, good, err)
				}
				r.clock.Set(bad)
				refused(t, r.auth, token, row.want)
			}
		})
	}
}

// D85: the longest life is the configuration's, up to none at all.
func TestMaxLifetime(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { patient(c); c.Tokens.MaxLifetime = time.Hour })
	r.wantOK(r.Token(authtest.ExpiresIn(time.Hour + 10*time.Second)))
	refused(t, r.auth, r.Token(authtest.ExpiresIn(time.Hour+11*time.Second)), client.ErrClaims)
	r.auth = r.newClient(func(c *client.Config) { c.Tokens.MaxLifetime = math.MaxInt64 })
	r.wantOK(r.Token())
	r.wantOK(r.Token(authtest.ExpiresAt(time.Unix(253402300799, 0))))
	refused(t, r.auth, r.Token(set("exp", "253402300800")), client.ErrClaims) // the year 10000
}

// D89: a clock that jumps lets nothing in that has expired by it, also from
// the cache, and a clock that is set back nothing from its future.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	r := newRig(t, patient)
	token := r.Token()
	r.wantOK(token)
	r.clock.Set(epoch.Add(time.Hour))
	refused(t, r.auth, token, client.ErrExpired)
	r.clock.Set(epoch)
	r.wantOK(token)
	r.clock.Set(epoch.Add(-time.Hour))
	refused(t, r.auth, token, client.ErrClaims)
	r.clock.Set(epoch.Add(authtest.TokenLife + 10*time.Second - 1))
	r.wantOK(token)
	r.clock.Set(epoch.Add(authtest.TokenLife + 10*time.Second))
	refused(t, r.auth, token, client.ErrExpired)
}

// Section D, for whom, by whom and about whom.
func TestIdentityClaims(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	attacks := []attack{
		{name: "D90 aud missing", claim: authtest.Without("aud"), want: client.ErrClaims},
		{name: "D93 iss missing", claim: authtest.Without("iss"), want: client.ErrClaims},
		{name: "D94 sub missing", claim: authtest.Without("sub"), want: client.ErrClaims},
		{name: "D94 sub empty, with a client_id and an azp", claim: authtest.All(authtest.Subject(""), authtest.Set("client_id", "web"), authtest.Set("azp", "web")), want: client.ErrClaims},
		{name: "D94 user_id in place of sub", claim: authtest.All(authtest.Without("sub"), authtest.Set("user_id", "alice")), want: client.ErrClaims},
		{name: "D92 aud of 10 000 entries", claim: set("aud", "["+strings.Repeat(`"other",`, 9999)+`"manacore"]`), want: client.ErrMalformed},
		{name: "D90 an object of no claims", claim: authtest.RawPayload([]byte("{}")), want: client.ErrClaims},
	}
	for _, value := range []string{`""`, `"other"`, `"manacor"`, `"manacore2"`, `"xmanacore"`, `"MANACORE"`, `"Manacore"`, `"manacore "`, `" manacore"`, `"manacore/"`, `"manacore,other"`,
		`"other manacore"`, `"*"`, `"m\u0430nacore"`, `"[\"manacore\"]"`, `"\uff4danacore"`, `[]`, `[""]`, `["other"]`, `["other","manacore "]`, "[[\"manacore\"]]"} {
		attacks = append(attacks, attack{name: "D90 aud " + value, claim: set("aud", value), want: client.ErrClaims})
	}
	for _, value := range []string{`["manacore",5]`, `[5,"manacore"]`, "[null]", `["manacore",null]`, `["manacore",["manacore"]]`, `["manacore",{}]`, `["manacore",true]`, "null", "5", "true", "{}", `{"manacore":true}`, `{"0":"manacore"}`} {
		attacks = append(attacks, attack{name: "D91 aud " + value, claim: set("aud", value), want: client.ErrClaims})
	}
	for _, value := range []string{`""`, "null", "5", "true", `["manacore"]`, "{}", `"manacore/"`, `"Manacore"`, `"MANACORE"`, `"manacore "`, `" manacore"`, `"man\u0430core"`, `"manacore."`, `"http://manacore"`, `"manacor"`,
		`"manacore\u200b"`, `"\ufeffmanacore"`, `"other"`, `"*"`, `"manacore#"`, `"manacore?"`, `"manacore:443"`} {
		attacks = append(attacks, attack{name: "D93 iss " + value, claim: set("iss", value), want: client.ErrClaims})
	}
	for _, value := range []string{`""`, "null", "5", "0", "true", `["alice"]`, "{}", `" "`, `" alice"`, `"alice "`, `"\u00a0alice"`, `"alice\u3000"`, `"alice\u200b"`, `"\ufeffalice"`, `"al\u00adice"`, `"alice\udb40\udc41"`, `"\u2060"`, `"` + strings.Repeat("a", 513) + `"`, `"` + strings.Repeat("\u00e4", 257) + `"`, "1.5", "1e400"} {
		attacks = append(attacks, attack{name: fmt.Sprintf("D94 sub %.20s", value), claim: set("sub", value), want: client.ErrClaims})
	}
	attacks = append(attacks, attack{name: "D94 two sessions", claim: l.payloadWith(`"sessionId":"s2"`), want: client.ErrClaims})
	for _, name := range []string{"email", "role"} {
		attacks = append(attacks, attack{name: "D94 no " + name, claim: authtest.Without(name), want: client.ErrClaims},
			attack{name: "D94 empty " + name, claim: authtest.Set(name, ""), want: client.ErrClaims})
	}
	for _, name := range []string{"email", "role"} {
		attacks = append(attacks, attack{name: "S20 null in required " + name, claim: set(name, "null"), want: client.ErrClaims})
	}
	for _, value := range []string{"1", "0", `"true"`, `"yes"`, "[true]", "{}"} {
		attacks = append(attacks, attack{name: "email_verified " + value, claim: set("email_verified", value), want: client.ErrClaims})
	}
	for _, name := range []string{"email", "role", "sid", "sessionId", "tier"} {
		for _, value := range []string{"5", "false", `["admin"]`, "{}", `"` + strings.Repeat("a", 513) + `"`} {
			attacks = append(attacks, attack{name: fmt.Sprintf("D94 %s %.20s", name, value), claim: set(name, value), want: client.ErrClaims})
		}
	}
	l.refuse(t, attacks)
}

// Section D, tokens of another kind that the same key signs.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	for number, members := range map[string][]string{
		"D96": {
			`"client_id":"alice"`, `"azp":"alice"`, `"gty":"client-credentials"`, `"gty":"client_credentials"`, `"grant_type":"client_credentials"`,
			`"grant_type":"CLIENT_CREDENTIALS"`, `"client_id":5`, `"client_id":["alice"]`, `"gty":["client_credentials"]`,
		},
		"D97": {
			`"nonce":"n-0S6_WzA2Mj"`, `"at_hash":"MTIzNDU2Nzg5MDEyMzQ1Ng"`, `"c_hash":"LDktKdoQak3Pk0cnXxCltA"`, `"s_hash":"x"`, `"token_use":"id"`, `"typ":"ID"`, `"token_type":"id_token"`,
			`"type":"id_token"`, `"nonce":""`, `"token_use":false`,
		},
		"D98": {
			`"token_type":"refresh"`, `"token_use":"refresh"`, `"typ":"Refresh"`, `"typ":"refresh_token"`, `"type":"refresh"`, `"type":"refresh_token"`, `"typ":"Offline"`, `"token_type":["access"]`, `"typ":"RT"`,
		},
		"B53": {
			`"events":{"http://schemas.openid.net/event/backchannel-logout":{}}`, `"events":{}`, `"htm":"GET"`, `"htu":"https://example.com/"`, `"cnf":{"jkt":"x"}`, `"typ":"Logout"`, `"type":"password-reset"`,
			`"type":"email_verification"`, `"token_type":"verify"`, `"typ":"access\u0000"`,
		},
	} {
		for _, member := range members {
			attacks = append(attacks, attack{name: number + " " + member, claim: l.payloadWith(member), want: client.ErrClaims})
		}
	}
	l.refuse(t, attacks)
	// The same members of an access token.
	for _, member := range []string{`"client_id":"web"`, `"azp":"web"`, `"gty":"password"`, `"token_use":"access"`, `"token_type":"Bearer"`, `"typ":"Bearer"`, `"type":"access"`, `"jti":"1"`, `"scope":"openid"`, `"auth_time":1767323045`} {
		if err := l.verify(l.Token(l.payloadWith(member))); err != nil {
			t.Errorf("an access token with %s is refused: %v", member, err)
		}
	}
}
