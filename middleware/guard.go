package middleware

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/client"
	"golang.org/x/time/rate"
)

// Guard is the decision. It is safe for concurrent use.
type Guard struct {
	auth     client.Verifier
	optional bool
	roles    *roleRule // nil: any role
	cookie   string    // empty: no cookie is read
	public   publicSet
	answers  answers
}

// New returns a guard that asks auth. It panics where the program itself is
// wrong, as http.ServeMux does: a nil auth, a bad pattern, role, realm or
// cookie name.
func New(auth client.Verifier, opts ...Option) *Guard {
	if auth == nil {
		panic("middleware: nil Verifier")
	}
	g := &Guard{auth: auth}
	g.answers.warn = &rate.Sometimes{First: 1, Interval: time.Minute}
	for _, opt := range opts {
		opt(g)
	}
	return g
}

// Behind returns a copy of g that knows what it stands before. When next is a
// *http.ServeMux, Public asks it as well which route it will take; for any
// other handler the copy behaves as g.
func (g *Guard) Behind(next http.Handler) *Guard {
	mux, ok := next.(*http.ServeMux)
	if !ok {
		return g
	}
	behind := *g
	behind.public.router = mux
	return &behind
}

// Admit decides on r. It returns the request to hand to the handler or,
// instead, the reason to refuse it; it writes nothing and leaves r as it is.
func (g *Guard) Admit(r *http.Request) (*http.Request, *Denial) {
	if g.public.matches(r) {
		return g.passAnonymous(r), nil
	}
	return g.verify(r)
}

// AdmitRoute is Admit for a router that tells the template of the route it
// matched, such as "/quotes/:id"; empty when none matched.
func (g *Guard) AdmitRoute(r *http.Request, template string) (*http.Request, *Denial) {
	if g.public.names(r, template) {
		return g.passAnonymous(r), nil
	}
	return g.verify(r)
}

func (g *Guard) verify(r *http.Request) (*http.Request, *Denial) {
	token, err := g.token(r)
	if err != nil {
		return nil, g.answers.refuse(r, err, false, "")
	}
	user, err := g.auth.Verify(r.Context(), token)
	sent := token != ""
	switch {
	case err == nil && user.ID == "":
		return nil, g.answers.refuse(r, errNobody, sent, "")
	case err == nil:
		if !g.roles.allow(user) {
			return nil, g.answers.refuse(r, errRole, sent, g.roles.scope)
		}
		return g.passUser(r, user), nil
	case g.optional && g.roles == nil && !sent && errors.Is(err, client.ErrNoToken) && !errors.Is(err, client.ErrUnavailable):
		return g.passAnonymous(r), nil
	default:
		return nil, g.answers.refuse(r, err, sent, "")
	}
}

func (g *Guard) passUser(r *http.Request, user client.User) *http.Request {
	ctx := client.WithUser(r.Context(), user)
	return withoutIdentity(r.WithContext(g.answers.into(ctx)))
}

func (g *Guard) passAnonymous(r *http.Request) *http.Request {
	ctx := r.Context()
	if _, ok := client.CurrentUser(ctx); ok {
		ctx = hidden{ctx}
	}
	ctx = g.answers.into(ctx)
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	return withoutIdentity(r)
}

// hidden is a context without its user. It knows it by the value's type: the
// key belongs to package client.
type hidden struct{ context.Context }

func (h hidden) Value(key any) any {
	value := h.Context.Value(key)
	if _, ok := value.(client.User); ok {
		return nil
	}
	return value
}
