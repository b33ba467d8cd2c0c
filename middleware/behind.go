package middleware

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/manacore/manacore-go/internal/isnil"
)

// Behind returns a copy of g for the place right before next, whose routes it
// can see when next is a *http.ServeMux. A handler that leaves method, host and
// path of a request alone may have a method
//
//	Unwrap() http.Handler
//
// which returns the handler inside it: the guard then looks through it, as it
// does through the handlers of package nethttp. Behind panics when next is nil,
// and when Public has a pattern with a wildcard or a final slash and no
// ServeMux can be seen.
func (g *Guard) Behind(next http.Handler) *Guard {
	if isnil.Is(next) {
		panic(fmt.Sprintf("middleware: the handler behind the guard is nil (%T)", next))
	}
	behind := *g
	behind.public.router = muxOf(next)
	if behind.public.router != nil && behind.public.mux != nil {
		behind.public.check = new(sync.Once)
		return &behind
	}
	for _, p := range behind.public.patterns {
		if wide(p.path) {
			panic(fmt.Sprintf("middleware: Public(%q) covers more than one path, and behind the guard is a %T, whose routes it cannot see: "+
				"one that is more specific would be public as well. Put the guard right before the *http.ServeMux, with what stood between them outside; "+
				"or name every path; or guard the other routes one by one", p.text, next))
		}
	}
	return &behind
}

// muxOf returns the ServeMux that a handler is or wraps; nil where there is
// none to be seen.
func muxOf(handler http.Handler) *http.ServeMux {
	for {
		switch h := handler.(type) {
		case *http.ServeMux:
			return h
		case interface{ Unwrap() http.Handler }:
			handler = h.Unwrap()
		default:
			return nil
		}
	}
}
