package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/isnil"
)

// Guard is the decision. It is safe for concurrent use.
type Guard struct {
	auth     client.Verifier
	optional bool
	roles    *rule    // nil: any role
	cookie   string   // "": no cookie is read
	keep     []string // identity headers that are handed on
	public   publicSet
	refusals *refusals
}

// New returns a guard that asks auth. It panics where the program itself is
// wrong, as http.ServeMux does, and says what is: auth is nil or holds a nil
// pointer, or an Option is nil or was given a bad value.
func New(auth client.Verifier, opts ...Option) *Guard {
	if isnil.Is(auth) {
		panic(fmt.Sprintf("middleware: the Verifier is nil (%T): look at the error of the call that made it, such as client.FromEnv", auth))
	}
	g := &Guard{auth: auth}
	g.refusals = &refusals{warn: &rate.Sometimes{First: 1, Interval: time.Minute}}
	for _, opt := range opts {
		if opt == nil {
			panic("middleware: an Option is nil")
		}
		opt(g)
	}
	if logs, ok := auth.(interface{ Logger() *slog.Logger }); ok && g.refusals.log == nil {
		g.refusals.log = logs.Logger()
	}
	g.warnOfBypass()
	return g
}

// warnOfBypass says that DEV_BYPASS_AUTH has no effect, where the program does
// not hand its Verifier to package devbypass, which would look at it.
func (g *Guard) warnOfBypass() {
	value := os.Getenv("DEV_BYPASS_AUTH")
	if _, ok := g.auth.(interface{ Bypassed() uint64 }); ok || value == "" || value == "false" {
		return
	}
	g.refusals.logger().Warn("DEV_BYPASS_AUTH has no effect on this guard: its Verifier is not one with the bypass of package devbypass, and every request needs a token",
		slog.String("DEV_BYPASS_AUTH", value), slog.String("verifier", fmt.Sprintf("%T", g.auth)))
}

// Admit decides on r. It returns the request to hand to the handler or,
// instead, the reason to refuse it; it writes nothing and leaves r as it is.
// Call HandBack when the handler has returned. What is public follows from the
// ServeMux that Behind found; without one a pattern of Public with a wildcard
// or a final slash counts for nothing.
func (g *Guard) Admit(r *http.Request) (*http.Request, *Denial) {
	if g.public.check != nil {
		g.public.check.Do(func() { g.warnUnrouted(UnroutedMux(g.public.router, g.public.texts()...)) })
	}
	if g.public.matches(r) {
		return g.passAnonymous(r), nil
	}
	return g.verify(r)
}

// AdmitRoute is Admit for a router that tells the template of the route it
// matched, such as "/quotes/:id" or "/quotes/{id}"; "" when none matched. A
// template of a route that is for one host begins with that host.
func (g *Guard) AdmitRoute(r *http.Request, template string) (*http.Request, *Denial) {
	if g.public.names(r, template) {
		return g.passAnonymous(r), nil
	}
	return g.verify(r)
}

func (g *Guard) verify(r *http.Request) (*http.Request, *Denial) {
	token, err := g.token(r)
	if err != nil {
		return nil, g.refusals.refuseOwn(r, err, false, "")
	}
	user, err := g.auth.Verify(r.Context(), token)
	sent := token != ""
	switch {
	case err == nil && user.ID == "":
		return nil, g.refusals.refuse(r, errNobody, sent, "")
	case err == nil:
		if denial := g.roles.refuse(g.refusals, r, user, sent); denial != nil {
			return nil, denial
		}
		return g.pass(r, user, true), nil
	case g.optional && g.roles == nil && !sent && errors.Is(err, client.ErrNoToken) && !errors.Is(err, client.ErrUnavailable):
		return g.passAnonymous(r), nil
	default:
		return nil, g.refusals.refuse(r, err, sent, "")
	}
}

func (g *Guard) passAnonymous(r *http.Request) *http.Request { return g.pass(r, client.User{}, false) }
