package chargetest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/middleware/charge"
)

// runDisconnected runs what becomes of a request whose caller goes.
func runDisconnected(t *testing.T, suite Suite) {
	until := func(r *http.Request) { <-r.Context().Done() }
	begin := func(w http.ResponseWriter) {
		if text(w, "begun\n") != nil || flush(w) != nil {
			panic("the answer can't begin")
		}
	}
	for _, c := range []struct {
		name    string
		serve   func(w http.ResponseWriter, r *http.Request) error
		begun   bool // the caller waits for the beginning, and then goes
		charged int64
	}{
		{"before anything, and the handler gives up", func(_ http.ResponseWriter, r *http.Request) error {
			until(r)
			return r.Context().Err()
		}, false, 0},
		{"before anything, and the handler ends well", func(_ http.ResponseWriter, r *http.Request) error {
			until(r)
			return nil
		}, false, 0},
		{"before anything, and the handler writes all the same", func(w http.ResponseWriter, r *http.Request) error {
			until(r)
			return stream(w)
		}, false, 0},
		{"before anything, and the handler reports", func(w http.ResponseWriter, r *http.Request) error {
			until(r)
			return report(r, 3, w)
		}, false, 3},
		{"mid-stream, nothing reported", func(w http.ResponseWriter, r *http.Request) error {
			begin(w)
			until(r)
			return nil
		}, true, cost},
		{"mid-stream, a part reported", func(w http.ResponseWriter, r *http.Request) error {
			_ = charge.SetCost(r.Context(), 4)
			begin(w)
			until(r)
			return nil
		}, true, 4},
		{"mid-stream, and the handler fails over it", func(w http.ResponseWriter, r *http.Request) error {
			begin(w)
			until(r)
			return r.Context().Err()
		}, true, cost},
		{"mid-stream, and the handler panics over it", func(w http.ResponseWriter, r *http.Request) error {
			_ = charge.SetCost(r.Context(), 4)
			begin(w)
			until(r)
			panic(http.ErrAbortHandler)
		}, true, 4},
		{"mid-stream of an error", func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(500)
			begin(w)
			until(r)
			return nil
		}, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entered := make(chan struct{})
			r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
				close(entered)
				return c.serve(w, req)
			})
			conn := r.dial("ada")
			<-entered
			if c.begun {
				readUntil(t, conn, "begun")
			}
			_ = conn.Close()
			outcome := charge.Committed
			if c.charged == 0 {
				outcome = charge.Released
			}
			r.became("ada", outcome, c.charged)
		})
	}
	// A caller whose upload is malformed once it has read enough makes the
	// handler fail, and is charged all the same; before that it pays nothing.
	for name, want := range map[string]int64{"a bad upload mid-stream": cost, "a bad upload before anything": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
				if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
					return err
				}
				if want > 0 {
					begin(w)
				}
				if _, err := io.ReadAll(req.Body); err != nil {
					panic(http.ErrAbortHandler)
				}
				return nil
			})
			conn := r.dial("ada", "Transfer-Encoding: chunked\r\n")
			if want > 0 {
				readUntil(t, conn, "begun")
			}
			if _, err := io.WriteString(conn, "no length\r\n"); err != nil {
				t.Fatal(err)
			}
			outcome := charge.Committed
			if want == 0 {
				outcome = charge.Released
			}
			r.became("ada", outcome, want)
		})
	}
	// A caller who closes only its own side looks as if it had gone, and can
	// read on: what it gets for free is nothing.
	t.Run("half closed", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{})
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			close(entered)
			w.Header().Set("X-Secret", "the answer")
			until(req)
			return text(w, "the answer")
		})
		conn := r.dial("ada")
		<-entered
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn)
		if strings.Contains(string(got), "the answer") {
			t.Errorf("the caller got the answer and was not charged:\n%s", got)
		}
		r.became("ada", charge.Released, 0)
	})
}
