package middleware

import (
	"net/http"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/reqctx"
)

// admitted is a request that passed and its context. The two are made
// together: every request that passes needs both.
type admitted struct {
	ctx     reqctx.Guarded[client.User]
	request http.Request
}

// pass returns a copy of r for the handler, with the user in its context, or
// with none and that of any outer guard hidden.
func (g *Guard) pass(r *http.Request, user client.User, known bool) *http.Request {
	a := &admitted{ctx: reqctx.Guarded[client.User]{Context: r.Context(), User: user, Known: known, Guard: g.refusals}}
	a.request = *r.WithContext(&a.ctx)
	g.removeIdentity(&a.request)
	return &a.request
}

// HandBack gives r what a router and a handler have written into the request
// that Admit made of it: Pattern, path values, a parsed form and whatever else
// they set. Layers outside the guard then see what they would see without it,
// and net/http removes the temporary files of a multipart form, for which it
// looks into its own request. Context, Header and Body of r stay as they are.
// Adapters defer it, so that it happens when a handler panics as well. handled
// is the request that the handler had, the one from Admit or a copy of that.
func HandBack(r, handled *http.Request) {
	if r == handled {
		return
	}
	header, body := r.Header, r.Body
	*r = *handled.WithContext(r.Context())
	r.Header, r.Body = header, body
}
