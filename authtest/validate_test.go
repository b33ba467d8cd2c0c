package authtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
)

func isValid(verdict string) bool { return strings.HasPrefix(verdict, `{"valid":true,`) }

func TestVerdict(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(start)
	issuer := authtest.NewIssuer(t, authtest.WithClock(clock))
	issuer.Revoke("ended")
	for _, c := range []struct{ name, token, want string }{
		{"good", issuer.Token(), ""},
		{"no iat, empty sid", issuer.Token(authtest.Without("iat"), authtest.SessionID("")), ""},
		{"several audiences", issuer.Token(authtest.Audience("other", "manacore")), ""},
		{"one second left", issuer.Token(authtest.ExpiresIn(time.Second)), ""},
		{"D84 exp is now", issuer.Token(authtest.ExpiresIn(0)), `\"exp\" claim timestamp check failed`},
		{"expired", issuer.Token(authtest.Expired()), `\"exp\" claim timestamp check failed`},
		{"A25 expired and forged", issuer.Token(authtest.Expired(), authtest.OtherKey()), "Invalid token: signature verification failed"},
		{"D86 not yet valid", issuer.Token(authtest.NotYetValid()), "Invalid token: not yet valid"},
		{"D90 other audience", issuer.Token(authtest.OtherAudience()), "Invalid token: wrong audience"},
		{"D90 no audience", issuer.Token(authtest.Without("aud")), "Invalid token: wrong audience"},
		{"D91 mixed audiences", issuer.Token(authtest.Set("aud", []any{"manacore", 5})), "Invalid token: wrong audience"},
		{"D93 other issuer", issuer.Token(authtest.OtherIssuer()), "Invalid token: wrong issuer"},
		{"D78 no exp", issuer.Token(authtest.Without("exp")), "Invalid token: no exp"},
		{"D79 exp null", issuer.Token(authtest.Set("exp", nil)), "Invalid token: no exp"},
		{"D79 exp text", issuer.Token(authtest.Set("exp", "1")), "Invalid token: malformed claims"},
		{"D94 no sub", issuer.Token(authtest.Without("sub")), "Invalid token: no sub"},
		{"C59 two subs", issuer.Token(authtest.RawPayload([]byte(`{"sub":"a","sub":"b"}`))), "Invalid token: malformed claims"},
		{"C62 EXP", issuer.Token(authtest.Without("exp"), authtest.Set("EXP", int64(1<<40))), "Invalid token: no exp"},
		{"A1 alg none", issuer.Token(authtest.AlgNone()), "Invalid token: wrong algorithm"},
		{"A3 no alg", issuer.Token(authtest.WithoutHeader("alg")), "Invalid token: wrong algorithm"},
		{"A9 HMAC", issuer.Token(authtest.HS256WithPublicKey()), "Invalid token: wrong algorithm"},
		{"A15 unsigned", issuer.Token(authtest.Unsigned()), "Invalid token: signature verification failed"},
		{"B33 kid number", issuer.Token(authtest.Header("kid", 5)), "Invalid token: malformed header"},
		{"B36 unknown kid", issuer.Token(authtest.UnknownKid()), "Invalid token: unknown key"},
		{"B47 crit", issuer.Token(authtest.Header("crit", []string{"x"})), "Invalid token: malformed header"},
		{"E100 padded", issuer.Token() + "=", "Invalid token: malformed"},
		{"E103 line feed", issuer.Token() + `\n`, "Invalid token: malformed"},
		{"E105 two parts", "a.b", "Invalid token: malformed"},
		{"empty", "", "Invalid token: malformed"},
		{"session ended", issuer.Token(authtest.SessionID("ended")), "Invalid token: session revoked"},
	} {
		got := validate(issuer, c.token)
		if want := `{"valid":false,"error":"` + c.want + `"}`; c.want != "" && got != want || c.want == "" && !isValid(got) {
			t.Errorf("%s: %s, want %q", c.name, got, c.want)
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	sessionless := issuer.Token(authtest.SessionID(""))
	mine, other := issuer.Token(authtest.SessionID("a")), issuer.Token(authtest.SessionID("b"))
	issuer.Revoke(sessionless)
	issuer.Revoke(mine)
	for _, c := range []struct {
		name, token string
		valid       bool
	}{
		{"the session's token", mine, false},
		{"another token of the session", issuer.Token(authtest.SessionID("a"), authtest.Role("admin")), false},
		{"another session", other, true},
		{"a token without a session", sessionless, false},
		{"another one", issuer.Token(authtest.SessionID(""), authtest.Role("admin")), true},
	} {
		if got := validate(issuer, c.token); isValid(got) != c.valid {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestSkew(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(start)
	issuer := authtest.NewIssuer(t, authtest.WithClock(clock))
	token := issuer.Token()
	issuer.Skew(authtest.TokenLife)
	if got := validate(issuer, token); isValid(got) {
		t.Errorf("an issuer fifteen minutes ahead: %s", got)
	}
	ahead := issuer.Token()
	issuer.Skew(0)
	if got := validate(issuer, ahead); !isValid(got) {
		t.Errorf("its token: %s", got)
	}
	clock.Advance(authtest.TokenLife)
	if got := validate(issuer, ahead); !isValid(got) {
		t.Errorf("its token, fifteen minutes later: %s", got)
	}
}

func TestIssuersAreApart(t *testing.T) {
	t.Parallel()
	one := authtest.NewIssuer(t, authtest.WithName("one"), authtest.WithAudience("shop"))
	two := authtest.NewIssuer(t, authtest.WithName("two"), authtest.WithAudience("shop"))
	if got := validate(one, one.Token()); !isValid(got) {
		t.Errorf("its own token: %s", got)
	}
	for name, token := range map[string]string{
		"B46 another issuer's":                  two.Token(),
		"B45 another issuer's under its name":   two.Token(authtest.IssuerName("one")),
		"B45 the same under its kid":            two.Token(authtest.IssuerName("one"), authtest.Header("kid", one.Kids()[0])),
		"its own in the name of the other":      one.Token(authtest.IssuerName("two")),
		"its own for an audience not its own":   one.Token(authtest.Audience("manacore")),
		"its own for an audience that is close": one.Token(authtest.Audience("shop ")),
	} {
		if got := validate(one, token); isValid(got) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if one.Name() != "one" || one.Audience() != "shop" || one.URL() == two.URL() {
		t.Errorf("name %q, audience %q, URL %s", one.Name(), one.Audience(), one.URL())
	}
}
