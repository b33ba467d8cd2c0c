package authapi

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// keySetCaching is the Cache-Control of the key set.
var keySetCaching = fmt.Sprintf("public, max-age=%d", int(keys.MaxAge/time.Second))

// feedLink announces the feed of revocations to those who read the key set.
const feedLink = "<" + wire.RevocationsPath + `>; rel="` + wire.RevocationsRel + `"`

// keySetRoutes publish the keys at both places where clients look for them.
func (a *API) keySetRoutes() []web.Route {
	return []web.Route{a.keySetRoute(wire.JWKSPath), a.keySetRoute(wire.JWKSAlias)}
}

func (a *API) keySetRoute(path string) web.Route {
	return web.Route{
		Pattern: "GET " + path, Access: web.Anyone, Limit: web.Unlimited,
		Endpoint: web.Plain(a.keySet),
		Answers: []web.Answer{
			{Status: http.StatusOK, Body: wire.JWKS{}, Headers: []string{"ETag", "Link"}},
			{Status: http.StatusNotModified, Headers: []string{"ETag", "Link"}},
		},
	}
}

// keySet publishes the keys. They are in memory, so that the last good set is
// served while the database is down.
func (a *API) keySet(w http.ResponseWriter, r *http.Request) error {
	document, etag := a.KeySet()
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", keySetCaching)
	header.Set("ETag", etag)
	header.Set("Link", feedLink)
	// ServeContent does the conditional requests (RFC 9110 section 13). The set
	// is always served whole, because a part of it would be of no use.
	r.Header.Del("Range")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(document))
	return nil
}
