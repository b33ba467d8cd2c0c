package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
	"golang.org/x/time/rate"
)

const retryAfter = 2 * time.Second

// Denial is why a request may not pass, and what to answer.
type Denial struct {
	Status     int           // 400, 401, 403 or 503
	Code       string        // the envelope's code, such as INVALID_TOKEN
	Message    string        // the envelope's message, one of a few fixed texts
	Challenge  string        // WWW-Authenticate (RFC 6750 section 3); empty on a 503
	RetryAfter time.Duration // whole seconds; zero but on a 503
	Err        error         // for the operator: never send it to the caller

	answers *answers
}

// Verdicts that do not come from the Verifier.
var (
	errNobody = fmt.Errorf("%w: the verifier named no user", client.ErrUnavailable)
	errRole   = fmt.Errorf("%w: role not accepted", client.ErrForbidden)
	errNoUser = fmt.Errorf("%w: no user in the request's context", client.ErrUnauthenticated)
)

// SetHeader sets what every answer to the denial needs, however its body
// looks: the challenge, Retry-After, and that nobody may store it.
func (d *Denial) SetHeader(h http.Header) {
	if d.Challenge != "" {
		h.Set("WWW-Authenticate", d.Challenge)
	}
	if d.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(d.RetryAfter/time.Second)))
	}
	h.Set("Cache-Control", "no-store")
}

// Write answers r: by the guard's own writer (DenyWith) or with the error
// envelope of the Mana Core services. An answer to HEAD has no body.
func (d *Denial) Write(w http.ResponseWriter, r *http.Request) {
	if d.answers != nil && d.answers.write != nil {
		d.answers.write(w, r, d)
		return
	}
	d.writeEnvelope(w, r)
}

func (d *Denial) writeEnvelope(w http.ResponseWriter, r *http.Request) {
	// The path as it was sent, without the query: that may hold a secret.
	envelope := wire.NewEnvelope(wire.Code(d.Code), d.Message, r.URL.EscapedPath(), time.Now())
	d.SetHeader(w.Header())
	wire.Reply(w, r, d.Status, envelope)
}

// answers is how a guard refuses. RequireRole and RequireUser find it in the
// request's context, so that a route refuses as its guard does.
type answers struct {
	warn     *rate.Sometimes // an outage refuses every request: one line a minute says it
	custom   bool            // anything below is set
	realm    string
	onDenial func(*http.Request, *Denial)
	write    func(http.ResponseWriter, *http.Request, *Denial)
}

type answersKey struct{}

func (a *answers) into(ctx context.Context) context.Context {
	if !a.custom && ctx.Value(answersKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, answersKey{}, a)
}

func answersOf(ctx context.Context) *answers {
	if a, ok := ctx.Value(answersKey{}).(*answers); ok {
		return a
	}
	return new(answers)
}

// refuse makes the denial for err and tells the operator. sent says whether
// the request brought credentials: without them the challenge names no error
// (RFC 6750 section 3.1).
func (a *answers) refuse(r *http.Request, err error, sent bool, scope string) *Denial {
	d := a.denial(err, sent, scope)
	switch {
	case a.onDenial != nil:
		a.onDenial(r, d)
	case d.Status == http.StatusServiceUnavailable && a.warn != nil:
		a.warn.Do(func() {
			slog.Default().LogAttrs(r.Context(), slog.LevelWarn, "requests are refused: no verdict on their credentials",
				slog.String("method", r.Method), slog.Any("error", d.Err))
		})
	}
	return d
}

// denial maps an error to an answer. The order matters: whatever else an error
// is, an outage is never a 401.
func (a *answers) denial(err error, sent bool, scope string) *Denial {
	code, message, challenge := wire.ServiceUnavailable, "Request failed: authentication is unavailable, retry later", ""
	switch {
	case errors.Is(err, client.ErrUnavailable):
	case errors.Is(err, client.ErrBadRequest):
		code, message = wire.InvalidRequest, "Exactly one bearer token is accepted"
		challenge = a.challenge("invalid_request", "exactly one bearer token is accepted", "")
	case errors.Is(err, client.ErrForbidden):
		code, message = wire.Forbidden, "Insufficient permissions"
		challenge = a.challenge("insufficient_scope", "the user lacks the role", scope)
	case !errors.Is(err, client.ErrUnauthenticated):
	case !sent:
		code, message = wire.Unauthorized, "No token provided"
		challenge = a.challenge("", "", "")
	case errors.Is(err, client.ErrExpired):
		code, message = wire.TokenExpired, "Invalid token"
		challenge = a.challenge("invalid_token", "the token expired", "")
	default:
		code, message = wire.InvalidToken, "Invalid token"
		challenge = a.challenge("invalid_token", "the token is not valid", "")
	}
	d := &Denial{Status: code.Status(), Code: string(code), Message: message, Challenge: challenge, Err: err, answers: a}
	if d.Status == http.StatusServiceUnavailable {
		d.RetryAfter = retryAfter
	}
	return d
}

// challenge writes a Bearer challenge with the attributes that are not empty,
// each at most once. Every value is a fixed text or was checked when the
// program started: nothing from the request gets into it.
func (a *answers) challenge(code, description, scope string) string {
	var b strings.Builder
	b.WriteString("Bearer")
	separator := " "
	for _, attribute := range [...]struct{ name, value string }{
		{"realm", a.realm}, {"error", code}, {"error_description", description}, {"scope", scope},
	} {
		if attribute.value != "" {
			b.WriteString(separator + attribute.name + `="` + attribute.value + `"`)
			separator = ", "
		}
	}
	return b.String()
}
