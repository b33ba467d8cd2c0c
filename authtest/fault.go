package authtest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// Fault is a way for an auth server to fail, on all endpoints at once. Break
// brings it about. On the routes of the ledger an operation takes place all
// the same where the fault is in the answer: half of one, wrong JSON, a lie.
type Fault string

// The faults, each with what a client sees.
const (
	Refused         Fault = "refused"        // connections refused
	TimedOut        Fault = "timeout"        // connections accepted, no answer ever
	ServerError     Fault = "500"            // 500 with the envelope
	TooManyRequests Fault = "429"            // 429 with Retry-After: 1
	HalfAnswer      Fault = "half an answer" // the true answer, cut off in the middle
	HTMLPage        Fault = "HTML"           // 200, a proxy's page
	Redirected      Fault = "redirect"       // 307 to another origin, which would give the true answer
	WrongJSON       Fault = "wrong JSON"     // the true answer with a member of the wrong type
	LyingAnswer     Fault = "lying answer"   // well formed and false: foreign keys under the true kids, any token valid and an admin's, other users' credits
	TLSError        Fault = "TLS error"      // a certificate that nobody vouches for; the issuer must be made WithTLS
	SlowDrip        Fault = "slow drip"      // white space, a byte every 10 ms of real time, without end
	EmptyKeySet     Fault = "empty key set"  // no keys; a verdict, or an answer of the ledger, without a word: {}
)

// Faults are all of them, for a matrix.
func Faults() []Fault {
	return []Fault{
		Refused, TimedOut, ServerError, TooManyRequests, HalfAnswer, HTMLPage,
		Redirected, WrongJSON, LyingAnswer, TLSError, SlowDrip, EmptyKeySet,
	}
}

// Break brings a fault about, in place of any other, until Up.
func (i *Issuer) Break(f Fault) {
	switch f {
	case Refused:
		i.Refuse()
		i.change(func(m *mode) { *m = mode{} })
	case TimedOut:
		i.become(mode{hang: true})
	case TLSError:
		if !i.net.tls {
			i.fatalf("authtest: Break(TLSError): the issuer is not made WithTLS")
			return
		}
		i.become(mode{brokenTLS: true})
		i.net.drop()
	default:
		i.become(i.handlers(f))
	}
}

// handlers are the faults that an answer shows.
func (i *Issuer) handlers(f Fault) mode {
	all := func(h http.HandlerFunc) mode { return mode{jwks: h, validate: h, credits: h} }
	switch f {
	case ServerError:
		return all(func(w http.ResponseWriter, r *http.Request) {
			i.deny(w, r, wire.Internal, "Internal server error")
		})
	case TooManyRequests:
		return all(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			i.deny(w, r, wire.RateLimited, "Request failed: rate limit exceeded, retry later")
		})
	case HalfAnswer:
		return all(i.half)
	case HTMLPage:
		return all(page)
	case Redirected:
		target := i.net.redirectTarget()
		return all(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target+r.URL.Path, http.StatusTemporaryRedirect)
		})
	case WrongJSON:
		return mode{
			jwks:     i.retype(`{"keys":[`, `{"keys":{"0":[`, "]}", "]}}"),
			validate: i.retype(`"valid":true`, `"valid":"true"`, `"valid":false`, `"valid":"false"`),
			credits:  i.retype(`"balance":`, `"balance":[],"x":`, `"success":true`, `"success":"true"`, `"amount":`, `"amount":"x","was":`),
		}
	case LyingAnswer:
		return mode{jwks: i.foreignKeys, validate: i.flatter, credits: i.retype(lies...)}
	case SlowDrip:
		return all(drip)
	case EmptyKeySet:
		return mode{jwks: constant(`{"keys":[]}`), validate: constant(`{}`), credits: constant(`{}`)}
	}
	i.fatalf("authtest: Break: no fault %q", f)
	return mode{}
}

// truth is the whole answer that a healthy issuer would give: never the 304 of
// a conditional request, which has nothing to cut or to falsify.
func (i *Issuer) truth(r *http.Request) *httptest.ResponseRecorder {
	r = r.Clone(r.Context())
	r.Header.Del("If-None-Match")
	rec := httptest.NewRecorder()
	i.answer(rec, r)
	return rec
}

// half promises the whole answer and sends half of it: net/http then cuts the
// connection.
func (i *Issuer) half(w http.ResponseWriter, r *http.Request) {
	whole := i.truth(r)
	maps.Copy(w.Header(), whole.Header())
	w.WriteHeader(whole.Code)
	w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>Sign in</title><p>Sign in to the network to go on.")
}

// retype gives the true answer with texts replaced, as pairs of old and new.
func (i *Issuer) retype(pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole := i.truth(r)
		body := whole.Body.Bytes()
		for n := 0; n < len(pairs); n += 2 {
			body = bytes.Replace(body, []byte(pairs[n]), []byte(pairs[n+1]), 1)
		}
		maps.Copy(w.Header(), whole.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(whole.Code)
		w.Write(body)
	}
}

func constant(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(w, body)
	}
}

// foreignKeys publishes the true kids with keys that are not the issuer's: a
// client that believes it refuses every good token for its signature.
func (i *Issuer) foreignKeys(w http.ResponseWriter, r *http.Request) {
	var set wire.JWKS
	for _, kid := range i.Kids() {
		jwk := newKey("", 0).jwk()
		jwk.Kid = kid
		set.Keys = append(set.Keys, jwk)
	}
	i.write(w, http.StatusOK, set)
}

// flatter calls every token valid and its bearer an administrator.
func (i *Issuer) flatter(w http.ResponseWriter, r *http.Request) {
	now := i.now()
	i.write(w, http.StatusOK, wire.ValidateResponse{Valid: true, Payload: &wire.ValidatePayload{
		Sub: "somebodyElse", Email: "else@example.com", Role: "admin", Sid: "other", SessionID: "other",
		Iss: i.Name(), Aud: i.Audience(), Iat: now.Unix(), Exp: now.Add(TokenLife).Unix(),
	}})
}

// drip never ends and never pauses long: neither the length nor the wait for
// one read gives it away. When its client goes it cuts the connection, since a
// return would end the answer properly.
func drip(w http.ResponseWriter, r *http.Request) {
	// net/http notices that a client has gone only once the body is read.
	if _, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxBody+1)); err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-tick.C:
		}
		if _, err := w.Write([]byte(" ")); err != nil {
			panic(http.ErrAbortHandler)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}
