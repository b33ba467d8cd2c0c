package main

import (
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

const (
	maxQuoteID   = 255  // characters
	maxFavorites = 1000 // of one user
)

// newHandler is the whole backend. Its last line guards every route, unknown
// ones included, but for the public one.
func newHandler(auth client.Verifier) http.Handler {
	api := api{newFavorites()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", health)
	mux.Handle("GET /api/v1/me", nethttp.UserFunc(me))
	mux.Handle("GET /api/v1/favorites", nethttp.UserFunc(api.list))
	mux.Handle("POST /api/v1/favorites", nethttp.UserFunc(api.add))
	mux.Handle("DELETE /api/v1/favorites/{quoteId}", nethttp.UserFunc(api.remove))
	mux.HandleFunc("/", unknown)
	return nethttp.Guard(auth, middleware.Public("GET /health"))(mux)
}

type api struct{ favorites *favorites }

func health(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, struct {
		Status    string `json:"status"`
		Timestamp string `json:"timestamp"`
	}{"ok", timestamp()})
}

func me(w http.ResponseWriter, _ *http.Request, user client.User) {
	reply(w, http.StatusOK, user)
}

func (a api) list(w http.ResponseWriter, _ *http.Request, user client.User) {
	reply(w, http.StatusOK, map[string][]favorite{"favorites": a.favorites.of(user.ID)})
}

func (a api) add(w http.ResponseWriter, r *http.Request, user client.User) {
	var body struct {
		QuoteID string `json:"quoteId"`
	}
	if !read(w, r, &body) {
		return
	}
	if n := utf8.RuneCountInString(body.QuoteID); n < 1 || n > maxQuoteID {
		refuse(w, r, http.StatusBadRequest, "VALIDATION_FAILED",
			[]string{fmt.Sprintf("quoteId must have 1 to %d characters", maxQuoteID)})
		return
	}
	added, err := a.favorites.add(user.ID, body.QuoteID)
	switch {
	case errors.Is(err, errDuplicate):
		refuse(w, r, http.StatusConflict, "CONFLICT", "Quote is already a favorite")
	case err != nil:
		refuse(w, r, http.StatusConflict, "CONFLICT", "Too many favorites")
	default:
		reply(w, http.StatusCreated, added)
	}
}

func (a api) remove(w http.ResponseWriter, r *http.Request, user client.User) {
	if !a.favorites.remove(user.ID, r.PathValue("quoteId")) {
		refuse(w, r, http.StatusNotFound, "NOT_FOUND", "Favorite not found")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// unknown answers every other path, and a known one with another method.
func unknown(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, http.StatusNotFound, "NOT_FOUND", "Cannot "+r.Method+" "+r.URL.EscapedPath())
}
