package web

import (
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"github.com/manacore/manacore-go/internal/recovery"

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
	// Most answers contain a token or tell about one. The JWKS replaces this
	// value.
	{"Cache-Control", "no-store"},
}

// Secure writes the security headers before anything else does. All answers
// share the slices, and a handler that sets another value replaces the slice.
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
// allow-list, which are spelled as browsers spell them. An origin that is not
// there is a warning once a minute, since its users see nothing but a page that
// does not work.
func crossOrigin(o *Responder, origins []string) func(http.Handler) http.Handler {
	allowed := make(map[string]bool, len(origins))
	for _, origin := range origins {
		allowed[origin] = true
	}
	var refused hint
	return cors.New(cors.Options{
		// This is a function, because an empty list of origins would mean all.
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			if !allowed[origin] {
				refused.warn(r.Context(), o.Log, o.Now(), "a browser asked from an origin that CORS_ORIGINS does not name", "origin", origin)
			}
			return allowed[origin], nil
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodOptions},
		AllowedHeaders:       []string{"Content-Type", "Authorization", "X-Requested-With", "X-App-Id"},
		ExposedHeaders:       []string{"Retry-After", "WWW-Authenticate", wire.NextCursorHeader, wire.ReservationHeader},
		AllowCredentials:     true,
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler
}

// plainPath drops a trailing slash, so that both spellings find the route.
// Everything inside sees the request without it. Paths that a ServeMux would
// redirect are handed to odd.
func plainPath(next, odd http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trimmed, escaped := r.URL.Path, r.URL.EscapedPath()
		if before, ok := strings.CutSuffix(escaped, "/"); ok { // and not for %2F, which separates nothing
			trimmed, escaped = strings.TrimSuffix(trimmed, "/"), before
		}
		trimmed, escaped = cmp.Or(trimmed, "/"), cmp.Or(escaped, "/")
		inner := r.WithContext(r.Context())
		// The escaped path decides, as in the ServeMux, where %2F..%2F is part
		// of a name.
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
				o.Log.ErrorContext(r.Context(), "handler panicked", "route", r.Pattern, "panic", recovery.Text(reason), "stack", string(debug.Stack()))
				if recorder, ok := w.(*recorder); ok && recorder.status != 0 {
					panic(http.ErrAbortHandler) // half an answer was sent, so it is broken off
				}
				o.RespondError(w, r, &Failure{Code: wire.Internal, Message: textInternal})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder keeps the status of an answer.
type recorder struct {
	http.ResponseWriter
	status  int
	streams bool // see Route.Streams
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

// logged counts each request and logs it. The log gets the pattern of the
// route, and never the path, the query, a header or a body, which may hold
// secrets.
func logged(o *Responder, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := o.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			took := o.Now().Sub(began)
			o.Meter.Request(r.Pattern, rec.status) // the pattern is set by the ServeMux
			if !rec.streams {
				o.Meter.Took(r.Pattern, took)
			}
			level := logLevel(r.Pattern, rec.status)
			if !o.Log.Enabled(r.Context(), level) {
				return
			}
			o.Log.LogAttrs(r.Context(), level, "request",
				slog.String("method", r.Method),
				slog.String("route", r.Pattern),
				slog.Int("status", rec.status),
				// Milliseconds, whatever the handler of the log makes of a time.Duration.
				slog.Float64("duration_ms", float64(took.Microseconds())/1000),
				slog.String("ip", o.Addr(r).String()))
		}()
		next.ServeHTTP(rec, r)
	})
}

// logLevel is debug for health probes, and for successful answers of routes
// that are called thousands of times a second. The metrics count those too.
func logLevel(pattern string, status int) slog.Level {
	frequent := strings.Contains(pattern, "/credits") || strings.HasSuffix(pattern, wire.ValidatePath) || strings.HasSuffix(pattern, wire.JWKSPath) || strings.HasSuffix(pattern, wire.JWKSAlias)
	if strings.Contains(pattern, "/health") || frequent && status < http.StatusBadRequest {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
