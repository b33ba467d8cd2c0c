package middleware

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/reqctx"
)

// refusals is how a guard refuses. RequireRole, RequireTier, RequireUser and Deny find it in
// the request's context, so that a route refuses as its guard does.
type refusals struct {
	realm    string
	onDenial func(*http.Request, *Denial)
	denyWith func(http.ResponseWriter, *http.Request, *Denial)
	log      *slog.Logger    // nil: slog.Default at the time of logging
	warn     *rate.Sometimes // an outage refuses every request, and one line a minute says it; nil: no line does
}

// refusalsOf returns those of the innermost guard; the zero value where there
// is none.
func refusalsOf(ctx context.Context) *refusals {
	if guarded := reqctx.Find[client.User](ctx); guarded != nil {
		if r, ok := guarded.Guard.(*refusals); ok {
			return r
		}
	}
	return new(refusals)
}

func (a *refusals) logger() *slog.Logger { return cmp.Or(a.log, slog.Default()) }

// refuse makes the denial for err and tells the operator: OnDenial or, where
// that is not set, one warning a minute about requests without a verdict.
func (a *refusals) refuse(r *http.Request, err error, sent bool, scope string) *Denial {
	d := denialOf(err, a.realm, sent, scope)
	d.DenyWith = a.denyWith
	switch {
	case a.onDenial != nil:
		a.onDenial(r, &d)
	case errors.Is(err, client.ErrKeyPending), r.Context().Err() != nil:
		// What a stranger can bring about, and a caller who has gone, is no outage.
	case d.Status == http.StatusServiceUnavailable && a.warn != nil:
		a.warn.Do(func() {
			a.logger().LogAttrs(r.Context(), slog.LevelWarn, "requests are refused: no verdict on their credentials",
				slog.String("method", r.Method), slog.Any("error", d.Err))
		})
	}
	return &d
}

// refuseOwn is refuse for what the guard itself found wrong, which no Verifier
// can log.
func (a *refusals) refuseOwn(r *http.Request, err error, sent bool, scope string) *Denial {
	a.logger().LogAttrs(r.Context(), slog.LevelDebug, "a request is refused",
		slog.String("method", r.Method), slog.Any("error", err))
	return a.refuse(r, err, sent, scope)
}

// challengeOf writes a Bearer challenge with the attributes that are not empty,
// each at most once. Every value is a fixed text or was checked when the
// program started: nothing from the request gets into it.
func challengeOf(realm, code, description, scope string) string {
	var b strings.Builder
	b.WriteString("Bearer")
	separator := " "
	for _, attribute := range [...]struct{ name, value string }{
		{"realm", realm}, {"error", code}, {"error_description", description}, {"scope", scope},
	} {
		if attribute.value != "" {
			b.WriteString(separator + attribute.name + `="` + attribute.value + `"`)
			separator = ", "
		}
	}
	return b.String()
}
