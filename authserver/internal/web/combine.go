package web

import (
	"net/http"
	"slices"

	"github.com/manacore/manacore-go/authserver/internal/form"
)

// Before is an endpoint with a check of the request, which runs before body and
// query are read.
func Before(check func(r *http.Request) error, e Endpoint) Endpoint {
	serve := e.serve
	e.serve = func(w http.ResponseWriter, r *http.Request) error {
		if err := check(r); err != nil {
			return err
		}
		return serve(w, r)
	}
	return e
}

// Either serves the requests that isOne accepts with one, and all others with
// other. Its description has the fields and parameters of both. A field is
// required only where both require it.
func Either(isOne func(r *http.Request) bool, one, other Endpoint) Endpoint {
	return Endpoint{
		Fields: eitherFields(one.Fields, other.Fields),
		Params: eitherParams(one.Params, other.Params),
		serve: func(w http.ResponseWriter, r *http.Request) error {
			if isOne(r) {
				return one.serve(w, r)
			}
			return other.serve(w, r)
		},
	}
}

func eitherFields(one, other []form.Field) []form.Field {
	both := slices.Clone(one)
	for i, f := range both {
		both[i].Required = f.Required && slices.ContainsFunc(other, func(o form.Field) bool { return o.Name == f.Name && o.Required })
	}
	for _, f := range other {
		if !slices.ContainsFunc(one, func(o form.Field) bool { return o.Name == f.Name }) {
			f.Required = false
			both = append(both, f)
		}
	}
	return both
}

func eitherParams(one, other []form.Param) []form.Param {
	both := slices.Clone(one)
	for _, p := range other {
		if !slices.ContainsFunc(one, func(o form.Param) bool { return o.Name == p.Name }) {
			both = append(both, p)
		}
	}
	return both
}
