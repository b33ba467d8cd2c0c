package web

import (
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"github.com/rs/cors"

	"github.com/manacore/manacore-go/internal/wire"
)

// securityHeaders stand on every answer.
var securityHeaders = [...][2]string{
	{"Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload"},
	{"Content-Security-Policy", "default-src 'self'; base-uri 'self'; frame-ancestors 'none'; object-src 'none'"},
	{"X-Frame-Options", "DENY"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "strict-origin-when-cross-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	// Most answers bear tokens or tell about one; the JWKS says otherwise.
	{"Cache-Control", "no-store"},
}

// Secure writes the security headers before anything else does. All answers
// share the values: a handler that sets another replaces the slice.
func Secure(next http.Handler) http.Handler {
	shared := make(http.Header, len(securityHeaders))
	for _, h := range securityHeaders {
		shared[http.CanonicalHeaderKey(h[0])] = []string{h[1]}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), shared)
		next.ServeHTTP(w, r)
	})
}

// crossOrigin answers preflights and marks the answers to the origins of the
// allow-list.
func crossOrigin(origins []string) func(http.Handler) http.Handler {
	allowed := make(map[string]bool, len(origins))
	for _, origin := range origins {
		allowed[origin] = true
	}
	return cors.New(cors.Options{
		// A function, because an empty list of origins would mean all.
		AllowOriginFunc: func(origin string) bool { return allowed[origin] },
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodOptions},
		AllowedHeaders:       []string{"Content-Type", "Authorization", "X-Requested-With", "X-App-Id"},
		ExposedHeaders:       []string{wire.NextCursorHeader},
		AllowCredentials:     true,
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler
}

// plainPath drops a trailing slash, so that both spellings find the route.
// Everything inside sees the request without it. Paths that a ServeMux would
// redirect to another are given to odd.
func plainPath(next, odd http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trimmed, escaped := r.URL.Path, r.URL.EscapedPath()
		if strings.HasSuffix(escaped, "/") { // and not %2F, which is none
			trimmed, escaped = strings.TrimSuffix(trimmed, "/"), strings.TrimSuffix(escaped, "/")
		}
		trimmed, escaped = cmp.Or(trimmed, "/"), cmp.Or(escaped, "/")
		inner := r.WithContext(r.Context())
		// As the ServeMux does, by the escaped path: %2F..%2F is a name.
		if escaped != path.Clean(escaped) || escaped[0] != '/' {
			odd.ServeHTTP(w, inner)
			return
		}
		if trimmed != r.URL.Path {
			target := *r.URL
			target.Path, target.RawPath = trimmed, strings.TrimSuffix(r.URL.RawPath, "/")
			inner.URL = &target
		}
		next.ServeHTTP(w, inner)
	})
}

// recovered turns a panic of a handler into a 500.
func recovered(o *Responder, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch reason := recover(); reason {
			case nil:
			case http.ErrAbortHandler:
				panic(reason)
			default:
				o.Log.ErrorContext(r.Context(), "handler panicked", "route", r.Pattern, "panic", reason, "stack", string(debug.Stack()))
				if recorder, ok := w.(*recorder); ok && recorder.status != 0 {
					panic(http.ErrAbortHandler) // half an answer is out: break it off
				}
				o.RespondError(w, r, &Failure{Code: wire.Internal, Message: textInternal})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged counts each request and writes a line for it: the route's pattern and
// never the path, the query, a header or a body, which may hold secrets.
func logged(o *Responder, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := o.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			took := o.Now().Sub(began)
			o.Meter.Request(r.Pattern, rec.status, took) // the pattern is set by the ServeMux
			level := logLevel(r.Pattern, rec.status)
			if !o.Log.Enabled(r.Context(), level) {
				return
			}
			o.Log.LogAttrs(r.Context(), level, "request",
				slog.String("method", r.Method),
				slog.String("route", r.Pattern),
				slog.Int("status", rec.status),
				slog.Duration("duration", took),
				slog.String("ip", o.Addr(r).String()))
		}()
		next.ServeHTTP(rec, r)
	})
}

// logLevel is debug for what only a prober asks for, and for what is asked
// thousands of times a second and went well: the metrics count it.
func logLevel(pattern string, status int) slog.Level {
	frequent := strings.Contains(pattern, "/credits") || strings.HasSuffix(pattern, wire.ValidatePath) || strings.HasSuffix(pattern, wire.JWKSPath)
	if strings.Contains(pattern, "/health") || frequent && status < http.StatusBadRequest {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
