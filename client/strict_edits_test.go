package client_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// bare is the shortest token that a client with no required claims accepts.
func bare(t *testing.T) (*rig, string) {
	t.Helper()
	r := newRig(t, func(c *client.Config) {
		patient(c)
		c.Cache.Size = -1
		c.Tokens.Required = []string{}
	})
	token := r.Token(authtest.Without("email", "role", "sid", "iat"), authtest.Subject("a"))
	r.wantOK(token)
	return r, token
}

// A21 and section E: every byte of a good token put in place of every other
// one.
func TestEverySingleByteEdit(t *testing.T) {
	t.Parallel()
	r, token := bare(t)
	text := []byte(token)
	for i, was := range text {
		for b := range 256 {
			if byte(b) == was {
				continue
			}
			text[i] = byte(b)
			if err := r.verify(string(text)); err == nil {
				t.Errorf("accepted with %q for %q at %d", rune(b), was, i)
			}
		}
		text[i] = was
	}
	r.wantOK(string(text))
}

// Every byte left out, doubled, or changed with the next; every prefix and
// every suffix.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	r, token := bare(t)
	for i := range token {
		for what, edited := range map[string]string{
			"left out": token[:i] + token[i+1:],
			"doubled":  token[:i] + token[i:i+1] + token[i:],
			"prefix":   token[:i],
			"suffix":   token[i+1:],
		} {
			if err := r.verify(edited); err == nil {
				t.Errorf("accepted with byte %d %s", i, what)
			}
		}
		if i > 0 && token[i] != token[i-1] {
			if err := r.verify(token[:i-1] + token[i:i+1] + token[i-1:i] + token[i+1:]); err == nil {
				t.Errorf("accepted with bytes %d and %d swapped", i-1, i)
			}
		}
	}
}

// A20: each of the 512 bits.
func TestEverySignatureBit(t *testing.T) {
	t.Parallel()
	r, _ := bare(t)
	for bit := range 512 {
		refused(t, r.auth, r.Token(authtest.Signature(func(s []byte) []byte {
			s[bit/8] ^= 1 << (bit % 8)
			return s
		})), client.ErrSignature)
	}
}

// A21: each bit of the bytes that header and payload stand for, under the
// signature of what they were.
func TestEveryBitOfTheSigningInput(t *testing.T) {
	t.Parallel()
	r, token := bare(t)
	for n := range 2 {
		raw, err := b64.DecodeString(strings.Split(token, ".")[n])
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(raw) * 8 {
			raw[bit/8] ^= 1 << (bit % 8)
			if err := r.verify(part(n, func(string) string { return b64.EncodeToString(raw) })(token)); err == nil {
				t.Errorf("accepted with bit %d of part %d flipped", bit, n)
			}
			raw[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// Whatever valid claims a token has, it is accepted and says just these; and
// no shorter or longer text does.
func TestAnyValidClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t, patient)
	text := rapid.StringOfN(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.S, unicode.M), 1, 80, 256)
	maybe := func(rt *rapid.T, name string, claims []authtest.Claim, claim authtest.Claim) []authtest.Claim {
		if rapid.Bool().Draw(rt, name) {
			return append(claims, claim)
		}
		return claims
	}
	rapid.Check(t, func(rt *rapid.T) {
		second := func(name string, from, to time.Duration) time.Time {
			return epoch.Add(time.Duration(rapid.Int64Range(int64(from/time.Second), int64(to/time.Second)).Draw(rt, name)) * time.Second)
		}
		expires := second("exp", -9*time.Second, 24*time.Hour)
		// No token was issued after its end, or may be used only from then on (S19).
		latest := min(10*time.Second, expires.Sub(epoch)-time.Second)
		want := client.User{
			ID: text.Draw(rt, "sub"), Email: text.Draw(rt, "email"), Role: text.Draw(rt, "role"), SessionID: rapid.OneOf(text, rapid.Just("")).Draw(rt, "sid"),
			IssuedAt: second("iat", -1000*time.Hour, min(10*time.Second, latest+time.Second)), ExpiresAt: expires,
		}
		claims := []authtest.Claim{
			authtest.Subject(want.ID), authtest.Email(want.Email), authtest.Role(want.Role), authtest.SessionID(want.SessionID),
			authtest.IssuedAt(want.IssuedAt), authtest.ExpiresAt(want.ExpiresAt),
		}
		claims = maybe(rt, "aud is an array", claims, authtest.Audience(append(rapid.SliceOfN(text, 0, 5).Draw(rt, "aud"), "manacore")...))
		claims = maybe(rt, "with typ", claims, authtest.Header("typ", rapid.SampledFrom([]string{"JWT", "at+jwt", "application/at+jwt"}).Draw(rt, "typ")))
		claims = maybe(rt, "with nbf", claims, authtest.NotBefore(second("nbf", -1000*time.Hour, latest)))
		claims = maybe(rt, "with another claim", claims, authtest.Set("x-"+text.Draw(rt, "name"), map[string]any{"sub": text.Draw(rt, "value")}))
		token := r.Token(claims...)
		for range 2 {
			if user, err := r.auth.Verify(t.Context(), token); err != nil || user != want {
				rt.Fatalf("got %+v, %v\nwant %+v", user, err, want)
			}
		}
		at := rapid.IntRange(0, len(token)).Draw(rt, "at")
		piece := rapid.OneOf(rapid.StringN(1, 8, -1), rapid.StringMatching(`[A-Za-z0-9_.-]{1,8}`)).Draw(rt, "piece")
		for _, edited := range []string{token[:at] + piece + token[at:], token[:at], token[at:]} {
			if edited == token {
				continue
			}
			if user, err := r.auth.Verify(t.Context(), edited); err == nil {
				rt.Fatalf("accepted %s: %+v", fmt.Sprintf("%q", edited), user)
			}
		}
	})
}
