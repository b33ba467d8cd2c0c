package wiretest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/internal/wire"
)

// jwksForm: contract section 2, GET /auth/jwks.
func jwksForm(p *probe) {
	a := p.get(jwksPath)
	if !a.status(http.StatusOK) {
		return
	}
	a.isJSON()
	if !bytes.Contains(a.body, []byte(`"alg":"EdDSA"`)) {
		a.errorf(`no literal "alg":"EdDSA" in %s`, a.body)
	}
	compact := jsontext.Value(bytes.Clone(a.body))
	if err := compact.Compact(); err != nil || !bytes.Equal(compact, a.body) {
		a.errorf("not compact: %q", a.body)
	}
	a.keys()
}

// keys reads a key set by kid and holds it to its form; what has none is nil.
func (a *answer) keys() map[string]ed25519.PublicKey {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if !a.object(a.body, &set, "keys") {
		return nil
	}
	if len(set.Keys) == 0 {
		a.errorf("an empty key set")
	}
	keys := map[string]ed25519.PublicKey{}
	for _, entry := range set.Keys {
		kid, key := a.key(entry)
		if _, twice := keys[kid]; twice {
			a.errorf("kid %q twice", kid)
		}
		keys[kid] = key
	}
	return keys
}

// key reads one entry: exactly the members of the contract, use among them or
// not.
func (a *answer) key(entry jsontext.Value) (kid string, key ed25519.PublicKey) {
	var has map[string]jsontext.Value
	members := []string{"alg", "crv", "x", "kty", "kid"}
	if json.Unmarshal(entry, &has) == nil && slices.Contains(slices.Collect(maps.Keys(has)), "use") {
		members = append(members, "use")
	}
	var k wire.JWK
	if !a.object(entry, &k, members...) {
		return "", nil
	}
	if k.Alg != "EdDSA" || k.Crv != "Ed25519" || k.Kty != "OKP" || k.Kid == "" {
		a.errorf("key %s: want EdDSA, Ed25519, OKP and a kid", entry)
	}
	if _, named := has["use"]; named && k.Use != "sig" {
		a.errorf("key %s: use, where given, is sig", entry)
	}
	x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		a.errorf("key %s: x is not 32 bytes of unpadded base64url", entry)
		return k.Kid, nil
	}
	return k.Kid, x
}

// jwksCaching: public, a max-age, and a strong ETag (RFC 9110 section 8.8.3).
func jwksCaching(p *probe) {
	a := p.get(jwksPath)
	directives := cacheControl(a.response.Header)
	if !slices.Contains(directives, "public") {
		a.errorf("Cache-Control %q, want public", directives)
	}
	at := slices.IndexFunc(directives, func(d string) bool { return strings.HasPrefix(d, "max-age=") })
	if at < 0 {
		a.errorf("Cache-Control %q, want a max-age", directives)
	} else if n, err := strconv.Atoi(strings.TrimPrefix(directives[at], "max-age=")); err != nil || n <= 0 {
		a.errorf("Cache-Control %q, want max-age in whole seconds above 0", directives)
	}
	if etag := a.header("ETag"); !strong(etag) {
		a.errorf("ETag %q, want a strong one", etag)
	}
}

func strong(etag string) bool {
	return len(etag) > 2 && etag[0] == '"' && etag[len(etag)-1] == '"' && !strings.Contains(etag[1:len(etag)-1], `"`)
}

// jwksConditional: RFC 9110 sections 13.1.2 and 15.4.5.
func jwksConditional(p *probe) {
	etag := p.get(jwksPath).header("ETag")
	for _, c := range []struct {
		match string
		want  int
	}{
		{etag, http.StatusNotModified},
		{`"other", ` + etag, http.StatusNotModified},
		{"W/" + etag, http.StatusNotModified},
		{"*", http.StatusNotModified},
		{`"other"`, http.StatusOK},
	} {
		a := p.do(http.MethodGet, jwksPath, "", http.Header{"If-None-Match": {c.match}})
		if a.response.StatusCode != c.want {
			a.errorf("If-None-Match %s: status %d, want %d", c.match, a.response.StatusCode, c.want)
			continue
		}
		if a.header("ETag") != etag {
			a.errorf("If-None-Match %s: ETag %q, want %q", c.match, a.header("ETag"), etag)
		}
		if c.want == http.StatusNotModified {
			a.isEmpty()
			if len(a.header("Cache-Control")) == 0 {
				a.errorf("If-None-Match %s: no Cache-Control", c.match)
			}
		}
	}
}

// jwksAlias is the same answer at another path.
func jwksAlias(p *probe) {
	get, alias := p.get(jwksPath), p.get(wire.JWKSAlias)
	if !alias.status(http.StatusOK) {
		return
	}
	if !bytes.Equal(alias.body, get.body) {
		alias.errorf("%s, and %s says %s", alias.body, jwksPath, get.body)
	}
	for _, name := range []string{"ETag", "Cache-Control", "Content-Type"} {
		if alias.header(name) != get.header(name) {
			alias.errorf("%s %q, and %s says %q", name, alias.header(name), jwksPath, get.header(name))
		}
	}
}

func jwksHead(p *probe) {
	get, head := p.get(jwksPath), p.do(http.MethodHead, jwksPath, "", nil)
	if !head.status(http.StatusOK) {
		return
	}
	head.isEmpty()
	for _, name := range []string{"ETag", "Cache-Control", "Content-Type"} {
		if head.header(name) != get.header(name) {
			head.errorf("%s %q, and GET says %q", name, head.header(name), get.header(name))
		}
	}
}
