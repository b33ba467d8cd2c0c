package web

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// hintEvery is how often a hint is logged at most. What it tells of comes with
// each request, as often as strangers like.
const hintEvery = time.Minute

// maxHinted bounds what a hint tells of a stranger's text, in bytes.
const maxHinted = 200

// hint is a warning about a setting, once a minute. The zero value is ready.
type hint struct {
	lock sync.Mutex
	last time.Time
}

// warn logs a warning about what came, unless it did so within the last minute.
func (h *hint) warn(ctx context.Context, log *slog.Logger, now time.Time, message, name, came string) {
	h.lock.Lock()
	due := h.last.IsZero() || now.Sub(h.last) >= hintEvery || now.Before(h.last)
	if due {
		h.last = now
	}
	h.lock.Unlock()
	if due {
		log.WarnContext(ctx, message, name, came[:min(len(came), maxHinted)])
	}
}
