package authserver

import (
	"context"
	"net/http"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	checkUp   = "up"
	checkDown = "down"
)

// health tells probes how the server is.
type health struct {
	out  responder
	ping func(context.Context) error // asks the database
}

// plain says that the process answers.
func (h health) plain(w http.ResponseWriter, r *http.Request) error {
	h.out.respond(w, r, http.StatusOK, wire.Health{Status: "ok", Timestamp: wire.Timestamp(h.out.now())})
	return nil
}

// live says that the process need not be restarted.
func (h health) live(w http.ResponseWriter, r *http.Request) error {
	h.out.respond(w, r, http.StatusOK, wire.Health{
		Status:    "ok",
		Timestamp: wire.Timestamp(h.out.now()),
		Checks:    map[string]wire.Check{"process": {Status: checkUp}},
	})
	return nil
}

// ready says whether requests may be sent here: whether the database answers.
func (h health) ready(w http.ResponseWriter, r *http.Request) error {
	if err := h.ping(r.Context()); err != nil {
		h.out.log.ErrorContext(r.Context(), "not ready: the database does not answer", "error", err)
		h.out.respond(w, r, http.StatusServiceUnavailable, wire.Unready{
			Envelope: wire.NewEnvelope(wire.ServiceUnavailable, textUnavailable, r.URL.EscapedPath(), h.out.now()),
			Status:   "error",
			Checks:   map[string]wire.Check{"database": {Status: checkDown}},
		})
		return nil
	}
	h.out.respond(w, r, http.StatusOK, wire.Health{
		Status:    "ok",
		Timestamp: wire.Timestamp(h.out.now()),
		Checks:    map[string]wire.Check{"database": {Status: checkUp}},
	})
	return nil
}
