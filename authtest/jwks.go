package authtest

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

func (i *Issuer) serveJWKS(w http.ResponseWriter, r *http.Request) {
	doc, maxAge := i.keySet()
	sum := sha256.Sum256(doc)
	etag := `"` + encode(sum[:16]) + `"`
	h := w.Header()
	secure(h)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(maxAge))
	h.Set("ETag", etag)
	if i.feed.on {
		h.Set("Link", "<"+wire.RevocationsPath+">; rel=\""+wire.RevocationsRel+"\"")
	}
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	w.Write(doc)
}

// keySet is the document to serve and its max-age in seconds.
func (i *Issuer) keySet() ([]byte, int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maxAge := int(i.maxAge.Seconds())
	if i.document != nil {
		return i.document, maxAge
	}
	var entries []string
	for _, k := range i.keys {
		if k.published {
			entries = append(entries, i.jwkText(k))
		}
	}
	entries = append(entries, i.extra...)
	return []byte(`{"keys":[` + strings.Join(entries, ",") + `]}`), maxAge
}

func (i *Issuer) jwkText(k *key) string {
	text, err := json.Marshal(k.jwk())
	if err != nil {
		i.fatalf("authtest: key set: %v", err)
	}
	return string(text)
}

// matches is the weak comparison of If-None-Match (RFC 9110 section 13.1.2).
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}
