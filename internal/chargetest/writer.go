package chargetest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/middleware/charge"
)

// runWriter holds the writer that a handler gets to what net/http's can do.
func runWriter(t *testing.T, suite Suite) {
	t.Run("flusher", func(t *testing.T) {
		t.Parallel()
		proceed := make(chan struct{})
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error {
			_ = text(w, "begun\n")
			w.(http.Flusher).Flush()
			<-proceed
			return text(w, "ended\n")
		})
		conn := r.dial("ada")
		readUntil(t, conn, "begun")
		close(proceed)
		readUntil(t, conn, "ended")
		r.became("ada", charge.Committed, cost)
	})
	t.Run("controller", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error {
			c := http.NewResponseController(w)
			if err := c.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
				return err
			}
			if err := c.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
				return err
			}
			return text(w, "done")
		})
		if got := r.send("POST", "ada", ""); got.status != 200 {
			t.Errorf("answer %+v", got)
		}
		r.became("ada", charge.Committed, cost)
	})
	t.Run("hijacked", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			_ = charge.SetCost(req.Context(), 4)
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nhello\n")
			return conn.Close()
		})
		readUntil(t, r.dial("ada"), "hello")
		r.became("ada", charge.Committed, 4)
	})
	t.Run("an explicit length", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Length", "4")
			return text(w, "done")
		})
		got := r.send("POST", "ada", "")
		if got.header.Get("Content-Length") != "4" || got.body != "done" || got.trailer != nil || got.header["Trailer"] != nil {
			t.Errorf("answer %+v", got)
		}
		r.became("ada", charge.Committed, cost)
	})
	t.Run("a large answer", func(t *testing.T) {
		t.Parallel()
		large := strings.Repeat("0123456789", 100_000)
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, strings.NewReader(large))
			return err
		})
		if got := r.send("POST", "ada", ""); got.body != large || got.trailer.Get(charge.TransactionTrailer) == "" {
			t.Errorf("%d bytes, trailer %v", len(got.body), got.trailer)
		}
		r.became("ada", charge.Committed, cost)
	})
}
