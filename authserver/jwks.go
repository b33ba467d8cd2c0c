package authserver

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// jwksCaching is the Cache-Control of the key set.
var jwksCaching = fmt.Sprintf("public, max-age=%d", int(keys.MaxAge/time.Second))

// jwks publishes the keys. They are in memory: the database may be down, and
// the last good set stands.
type jwks struct {
	ring func() *keys.Ring
}

func (h jwks) route() web.Route {
	return web.Route{
		Pattern: "GET " + wire.JWKSPath, Access: web.Anyone, Limit: web.Unlimited,
		Endpoint: web.Plain(h.serve),
		Answers: []web.Answer{
			{Status: http.StatusOK, Body: wire.JWKS{}, Headers: []string{"ETag"}},
			{Status: http.StatusNotModified, Headers: []string{"ETag"}},
		},
	}
}

func (h jwks) serve(w http.ResponseWriter, r *http.Request) error {
	document, etag := h.ring().JWKS()
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", jwksCaching)
	header.Set("ETag", etag)
	// ServeContent does the conditional requests (RFC 9110 section 13). The
	// set is served whole: a part of it would be of no use.
	r.Header.Del("Range")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(document))
	return nil
}
