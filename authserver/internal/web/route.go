// Package web is HTTP for the packages that declare routes: how a request is
// read and limited, how an answer and an error are written, and the headers
// that every answer has. It knows no use case.
//
// A route declares itself: its pattern, who may call it, which rate limit it
// has, what it takes and what it answers. Handler mounts routes, and refuses
// one that leaves any of that undeclared.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/internal/wire"
)

// Route is one of the server's routes.
type Route struct {
	// Pattern is the route's method and path, as http.ServeMux has it. A
	// pattern with GET answers HEAD too.
	Pattern string
	// Access says who may call it.
	Access Access
	// Limit names the rate limit that its requests count against.
	Limit Limit
	// Heavy names a rate limit against which a request of an Unlimited route
	// counts where its body is larger than SmallBody or is no good, so that a
	// caller who behaves is never limited and a flood is. Such a request is
	// answered with 503. A route without a body counts by itself what is heavy.
	// Empty means that there is none.
	Heavy Limit
	// Endpoint takes the request and answers it.
	Endpoint Endpoint
	// Answers are the successful answers.
	Answers []Answer
	// Errors are the codes that it may answer with, beside those that Access,
	// Limit and the reading of its body bring along.
	Errors []wire.Code
	// Streams means that an answer may last for as long as its caller wants, so
	// that its duration says nothing about the server and is not measured.
	Streams bool
}

// Answer is a successful answer of a route.
type Answer struct {
	Status int
	// Body is a value of the type that is encoded. Nil means that there is no
	// body.
	Body any
	// Headers names the headers that the answer may have beside those of every
	// answer.
	Headers []string
}

// Limit names a rate limit.
type Limit string

// The limits. Their numbers are configured.
const (
	Unlimited     Limit = "none"
	LimitLogin    Limit = "login"
	LimitRegister Limit = "register"
	LimitDefault  Limit = "default"
	LimitHeavy    Limit = "heavy"
	LimitService  Limit = "service"
)

// Access says who may call a route.
type Access struct {
	// Name is how a description of the route calls it: "anyone", "user",
	// "service".
	Name string
	// Admit checks the caller of a request and returns the context in which the
	// endpoint finds it. Nil means that anyone may call.
	Admit func(r *http.Request) (context.Context, error)
	// Subject says whom an admitted request counts against, and against which
	// limit where it is not that of the route. A request that Admit refuses
	// counts against its address. Nil means that every request counts against
	// its address, before Admit.
	Subject func(ctx context.Context) (who string, limit Limit)
	// Errors are the codes that Admit answers with.
	Errors []wire.Code
}

// Anyone may call.
var Anyone = Access{Name: "anyone"}

// Endpoint answers requests, and describes what it takes.
type Endpoint struct {
	// Fields describe the JSON body. Nil means that the body is not read.
	Fields []form.Field
	// Params describe the query string.
	Params []form.Param

	serve func(w http.ResponseWriter, r *http.Request) error
}

// Plain is an endpoint that reads neither body nor query.
func Plain(serve func(w http.ResponseWriter, r *http.Request) error) Endpoint {
	return Endpoint{serve: serve}
}

// Form is a type that a body is read into. Its fields point into it.
type Form[F any] interface {
	*F
	Fields() []form.Field
}

// Body is an endpoint that reads a JSON body of at most MaxBody bytes.
func Body[F any, P Form[F]](serve func(w http.ResponseWriter, r *http.Request, f F) error) Endpoint {
	return BodyUpTo[F, P](MaxBody, serve)
}

// BodyUpTo is Body with another bound, in bytes.
func BodyUpTo[F any, P Form[F]](most int64, serve func(w http.ResponseWriter, r *http.Request, f F) error) Endpoint {
	return bodyOf[F, P](most, func() (f F) { return f }, serve)
}

// BodyOf is Body for a form whose fields depend on what fresh has put into it,
// such as a configured length.
func BodyOf[F any, P Form[F]](fresh func() F, serve func(w http.ResponseWriter, r *http.Request, f F) error) Endpoint {
	return bodyOf[F, P](MaxBody, fresh, serve)
}

func bodyOf[F any, P Form[F]](most int64, fresh func() F, serve func(w http.ResponseWriter, r *http.Request, f F) error) Endpoint {
	described := fresh()
	return Endpoint{
		Fields: P(&described).Fields(),
		serve: func(w http.ResponseWriter, r *http.Request) error {
			f := fresh()
			if err := readForm(w, r, most, P(&f).Fields()); err != nil {
				return err
			}
			return serve(w, r, f)
		},
	}
}

// Query is a type that a query string is read into.
type Query[Q any] interface {
	*Q
	Params() []form.Param
}

// WithQuery is an endpoint that reads the query string.
func WithQuery[Q any, P Query[Q]](serve func(w http.ResponseWriter, r *http.Request, q Q) error) Endpoint {
	return Endpoint{
		Params: P(new(Q)).Params(),
		serve: func(w http.ResponseWriter, r *http.Request) error {
			var q Q
			if err := invalid(form.ParseQuery(r.URL.RawQuery, P(&q).Params()), "Malformed query"); err != nil {
				return err
			}
			return serve(w, r, q)
		},
	}
}

// Limiter counts the requests of a client.
type Limiter interface {
	// Take admits a request or says how long to wait for the next one. The
	// client is an address.
	Take(addr netip.Addr, now time.Time) (wait time.Duration)
	// TakeOf is Take for a user or an app.
	TakeOf(who string, now time.Time) (wait time.Duration)
	// GiveBack undoes a Take that admitted a request.
	GiveBack(addr netip.Addr, now time.Time)
	// GiveBackOf undoes a TakeOf that admitted a request.
	GiveBackOf(who string, now time.Time)
}

// check returns an error for each part that the route does not declare.
func (route Route) check(limits map[Limit]Limiter) error {
	var errs []error
	require := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("web: route %q does not declare %s", route.Pattern, what))
		}
	}
	require(route.Pattern != "", "its pattern")
	require(route.Access.Name != "", "who may call it")
	require(route.Limit != "", "its limit")
	require(route.Endpoint.serve != nil, "its endpoint")
	require(len(route.Answers) > 0, "what it answers")
	for _, name := range []Limit{route.Limit, route.Heavy} {
		if _, known := limits[name]; name != "" && name != Unlimited && !known {
			errs = append(errs, fmt.Errorf("web: route %q has an unknown limit %q", route.Pattern, name))
		}
	}
	return errors.Join(errs...)
}

// counters are the limiters of a route. A nil one does not limit.
type counters struct {
	every, heavy, service Limiter
	// large has a place for each large body that is read or worked on, in the
	// whole server.
	large chan struct{}
}

// handler is the route as a handler.
func (route Route) handler(o *Responder, c counters) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if recorder, ok := w.(*recorder); ok {
			recorder.streams = route.Streams
		}
		if err := route.answer(w, r, o, c); err != nil {
			o.RespondError(w, r, err)
		}
	})
}

func (route Route) answer(w http.ResponseWriter, r *http.Request, o *Responder, c counters) error {
	giveBack, err := route.admitted(w, r, o, c)
	if o.outage(r, err) { // which costs nobody's budget
		giveBack()
	}
	return err
}

// admitted counts a request, admits its caller and serves it. giveBack undoes the
// counting.
func (route Route) admitted(w http.ResponseWriter, r *http.Request, o *Responder, c counters) (giveBack func(), err error) {
	giveBack = func() {}
	later := route.Access.Subject != nil // it counts once Admit has spoken
	if !later {
		if giveBack, err = route.count(r, o, c.every); err != nil {
			return giveBack, err
		}
	}
	if route.Access.Admit == nil {
		return giveBack, route.serve(w, r, o, c)
	}
	ctx, err := route.Access.Admit(r)
	if err != nil {
		if refused, ok := errors.AsType[*Failure](err); ok && later && refused.Code.Status() < http.StatusInternalServerError {
			giveBack, limited := route.count(r, o, c.every)
			return giveBack, cmp.Or(limited, err)
		}
		return giveBack, err
	}
	if later {
		if giveBack, err = route.countSubject(ctx, o, c); err != nil {
			return giveBack, err
		}
	}
	return giveBack, route.serve(w, withContext(ctx, r), o, c)
}

// countSubject counts an admitted request against its user or its app.
func (route Route) countSubject(ctx context.Context, o *Responder, c counters) (giveBack func(), err error) {
	who, name := route.Access.Subject(ctx)
	limiter := c.every
	if name == LimitService {
		limiter = c.service
	} else {
		name = route.Limit
	}
	if limiter == nil || who == "" {
		return func() {}, nil
	}
	wait := limiter.TakeOf(who, o.Now())
	if wait == 0 {
		return func() { limiter.GiveBackOf(who, o.Now()) }, nil
	}
	o.Meter.RateLimited(string(name))
	return func() {}, &Failure{Code: wire.RateLimited, Message: TextRateLimited, RetryAfter: wait}
}

// serve runs the endpoint over a body that is counted where it is heavy.
func (route Route) serve(w http.ResponseWriter, r *http.Request, o *Responder, c counters) error {
	if route.Endpoint.Fields == nil {
		return route.Endpoint.serve(w, r)
	}
	body := &countedBody{ReadCloser: r.Body, large: c.large, heavy: heavy{request: r, out: o, name: route.Heavy, limiter: c.heavy}}
	defer body.release()
	r.Body = body
	err := route.Endpoint.serve(w, r)
	if bad, ok := errors.AsType[*Failure](err); ok && !body.counted && bad.Code.Status() == http.StatusBadRequest {
		return cmp.Or(body.heavy.count(), err)
	}
	return err
}

// count counts a request against the route's limit.
func (route Route) count(r *http.Request, o *Responder, limiter Limiter) (giveBack func(), err error) {
	if wait := take(r, o, route.Limit, limiter); wait > 0 {
		return func() {}, &Failure{Code: wire.RateLimited, Message: TextRateLimited, RetryAfter: wait}
	}
	return func() {
		if limiter != nil {
			limiter.GiveBack(o.Addr(r), o.Now())
		}
	}, nil
}

// heavy is a request that may turn out to be a heavy one.
type heavy struct {
	request *http.Request
	out     *Responder
	name    Limit
	limiter Limiter
}

// count counts a request against the route's Heavy limit. The answer is 503,
// because the guards of existing backends take every other one for a verdict.
func (h heavy) count() error {
	if wait := take(h.request, h.out, h.name, h.limiter); wait > 0 {
		return &Failure{Code: wire.ServiceUnavailable, Message: TextUnavailable, RetryAfter: wait}
	}
	return nil
}

// take counts a request, and says how long the caller has to wait.
func take(r *http.Request, o *Responder, name Limit, limiter Limiter) time.Duration {
	if limiter == nil {
		return 0
	}
	wait := limiter.Take(o.Addr(r), o.Now())
	if wait > 0 {
		o.Meter.RateLimited(string(name))
	}
	return wait
}

// withContext is r with another context, and r itself where it is the same.
func withContext(ctx context.Context, r *http.Request) *http.Request {
	if ctx == r.Context() {
		return r
	}
	return r.WithContext(ctx)
}
