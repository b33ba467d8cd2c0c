package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// memberNames are those that some reader of tokens gives a meaning, among
// them the names of Go fields.
var memberNames = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "email", "role", "sid", "sessionId", "name", "scope", "scp",
	"client_id", "azp", "token_use", "token_type", "typ", "gty", "grant_type", "nonce", "at_hash", "events", "cnf",
	"alg", "kid", "cty", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "enc", "epk", "p2c",
	"Subject", "Issuer", "Expiry", "ExpiresAt", "Audience", "ID", "RegisteredClaims", "payload", "signatures",
	"_claim_names", "_claim_sources", "__proto__", "x", "", "svt", "ppt", "url", "iv", "tag", "apu", "apv",
}

// memberValues are JSON values, and some texts that only look like one.
var memberValues = []string{
	`null`, `true`, `false`, `""`, `"u1"`, `"admin"`, `"manacore"`, `"EdDSA"`, `"Ed25519"`, `"none"`, `"KID"`, `"JWT"`,
	`"jwt"`, `"at+jwt"`, `"application/at+jwt"`, `"NOW"`, `"\u0000"`, `"\ud800"`, `"\ud83d\ude00"`, `"\u00e9"`, "\"\u00e9\"",
	"\"\xff\"", "\"\u2028\"", `"\/"`, `"\x"`, `" u1"`, `"u1\n"`, "\"\ufeff\"", "\"\ufffd\"", `"1"`, `"2026-01-02T03:04:05Z"`,
	`[]`, `[[]]`, `{}`, `["manacore"]`, `["manacore","manacore"]`, `["other","manacore"]`, `["manacore",5]`, `[null]`,
	`{"x":1}`, `{"x":1,"x":2}`, `{"X":1,"x":2}`, `{"sub":"admin"}`, `{"keys":[]}`,
	`0`, `-0`, `0.0`, `-0.0`, `1`, `-1`, `0.1`, `-0.1`, `1e0`, `1E+2`, `1e-400`, `1e308`, `1e400`, `01`, `+1`, `1.`, `.1`, `0x1`,
	`NOW`, `NOW.0`, `NOW.5`, `NOW.999999999`, `NOW.9999999999`, `NOWe0`, `NOW0e-1`, `EXP`, `EXP.5`, `EXP.123456789`, `EXP.1234567891234`,
	`EDGE`, `EDGE.5`, `EDGE.000000001`, `EDGE.0000001`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`,
	`18446744073709551616`, `253402300799`, `253402300800`, `0.00000000000000000001`, `NaN`, `Infinity`, `undefined`,
}

var spaces = []string{"", " ", "\n", "\t", "\r\n", "\u00a0", "\v"}

// builder makes an object out of choices: from near a good one, so that many
// of them are accepted and every reader has to say what it found.
type builder struct {
	choices []byte
	fill    func(string) string
}

// choose returns a number below n, 0 once the choices have run out.
func (b *builder) choose(n int) int {
	if len(b.choices) == 0 {
		return 0
	}
	choice := int(b.choices[0])
	b.choices = b.choices[1:]
	return choice % n
}

func (b *builder) pick(from []string) string { return from[b.choose(len(from))] }

// object edits a good object at up to three places.
func (b *builder) object(good string) []byte {
	type member struct{ before, name, value string }
	var members []member
	for text := range strings.SplitSeq(good, ",") {
		name, value, _ := strings.Cut(text, ":")
		members = append(members, member{"", strings.Trim(name, `"`), value})
	}
	for range b.choose(4) {
		at := b.choose(len(members))
		m := &members[at]
		switch b.choose(7) {
		case 0, 1:
			m.value = b.pick(memberValues)
		case 2, 3:
			added := member{"", b.pick(memberNames), b.pick(memberValues)}
			members = slices.Insert(members, at, added)
		case 4:
			if m.name != "" {
				m.name = fmt.Sprintf(`\u%04x%s`, m.name[0], m.name[1:])
			}
		case 5:
			m.name = strings.ToUpper(m.name)
		case 6:
			m.before = b.pick(spaces)
		}
	}
	var object strings.Builder
	separator := "{"
	for _, m := range members {
		fmt.Fprintf(&object, `%s%s"%s":%s`, separator, m.before, m.name, m.value)
		separator = ","
	}
	object.WriteString("}")
	return []byte(b.fill(object.String()))
}

func (o *oracle) build(choices []byte) string {
	b := builder{choices, o.fill}
	header := b.object(goodHeader)
	return o.Sign(header, b.object(goodClaims))
}

// TestOracleBuilt judges tokens that chance puts together, the same in every
// run.
func TestOracleBuilt(t *testing.T) {
	o := newOracle(t)
	random := rand.NewChaCha8([32]byte{})
	choices := make([]byte, 32)
	accepted := 0
	const all = 3000
	for range all {
		random.Read(choices)
		token := o.build(choices)
		if o.judge(t, token) == nil {
			accepted++
		}
	}
	if accepted < all/10 || accepted > all*9/10 {
		t.Errorf("%d of %d tokens accepted: too few of one kind to tell much", accepted, all)
	}
}

// FuzzBuilt goes on where TestOracleBuilt ends.
func FuzzBuilt(f *testing.F) {
	o := newOracle(f)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 2, 1, 5, 3, 60})
	f.Fuzz(func(t *testing.T, choices []byte) {
		o.judge(t, o.build(choices))
	})
}
