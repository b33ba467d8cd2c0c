package main

import (
	"encoding/json"
	"net/http"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// newBackend is a whole backend: two routes, and the line that guards them.
// examples/zitare is a larger one.
func newBackend(auth client.Verifier) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]string{"status": "ok"})
	})
	mux.Handle("GET /api/v1/me", nethttp.UserFunc(func(w http.ResponseWriter, _ *http.Request, user client.User) {
		reply(w, user)
	}))
	return nethttp.Guard(auth, middleware.Public("GET /health"))(mux)
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	// An error here means that the caller is gone: there is nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
