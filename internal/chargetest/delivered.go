package chargetest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/middleware/charge"
)

// ending is a way in which a handler ends that has not succeeded. It happens
// when the handler has sent what it sends.
type ending struct {
	name string
	end  func(r *rig, w http.ResponseWriter, req *http.Request, sent bool) error
}

var endings = []ending{
	{"error", func(*rig, http.ResponseWriter, *http.Request, bool) error { return errHandler }},
	{"panic", func(*rig, http.ResponseWriter, *http.Request, bool) error { panic(errHandler) }},
	{"abort", func(*rig, http.ResponseWriter, *http.Request, bool) error { panic(http.ErrAbortHandler) }},
	{"deadline", func(r *rig, _ http.ResponseWriter, req *http.Request, _ bool) error {
		close(r.deadline.passed)
		<-req.Context().Done()
		return req.Context().Err()
	}},
	{"upstream reset", func(r *rig, w http.ResponseWriter, req *http.Request, sent bool) error {
		r.proxy(w, req, sent)
		return nil
	}},
}

// deadline is a context whose deadline passes when the test says so.
type deadline struct {
	context.Context
	passed chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.passed }

func (d deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// proxy hands a request on to a service that resets the connection: before its
// answer, or once that has begun.
func (r *rig) proxy(w http.ResponseWriter, req *http.Request, begin bool) {
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if begin && (text(w, "begun\n") != nil || flush(w) != nil) {
			r.t.Error("the upstream's answer can't begin")
		}
		panic(http.ErrAbortHandler)
	}))
	upstream.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	upstream.Start()
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		r.t.Error(err)
		return
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	(&httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      upstream.Config.ErrorLog,
	}).ServeHTTP(w, req)
}

// runDelivered runs what is charged where a handler does not end well: what was
// delivered decides, with or without a durable effect, and not how it ended.
func runDelivered(t *testing.T, suite Suite) {
	for _, e := range endings {
		for _, sent := range []bool{false, true} {
			for _, set := range []bool{false, true} {
				for _, durable := range []bool{false, true} {
					name := "S17 " + e.name + named(sent, " after the first byte", " before the first byte") +
						named(set, ", SetCost", "") + named(durable, ", durable", "")
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						runEnding(t, suite, e, sent, set, durable)
					})
				}
			}
		}
	}
	t.Run("S17 released by SetCost(0) alone", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			_ = charge.SetCost(req.Context(), 4)
			_ = stream(w)
			_ = charge.SetCost(req.Context(), 0)
			return errHandler
		})
		r.send("POST", "ada", "")
		r.became("ada", charge.Released, 0)
	})
}

func named(yes bool, name, other string) string {
	if yes {
		return name
	}
	return other
}

func runEnding(t *testing.T, suite Suite, e ending, sent, set, durable bool) {
	var r *rig
	r = newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
		if set {
			if err := charge.SetCost(req.Context(), 4); err != nil {
				return err
			}
		}
		if sent && e.name != "upstream reset" && stream(w) != nil {
			return errors.New("the answer can't begin")
		}
		return e.end(r, w, req, sent)
	}, func(route *Route) { route.Config.Durable = durable })
	if request, err := http.NewRequestWithContext(t.Context(), "POST", r.server.URL+path, nil); err != nil {
		t.Fatal(err)
	} else {
		request.Header.Set("Authorization", "Bearer ada")
		if response, err := r.server.Client().Transport.RoundTrip(request); err == nil { // an abort leaves none
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	switch {
	case !sent:
		r.became("ada", charge.Released, 0)
	case set:
		r.became("ada", charge.Committed, 4)
	default:
		r.became("ada", charge.Committed, cost)
	}
}

// runDurable runs handlers that leave something behind, for a caller who goes
// before the answer begins.
func runDurable(t *testing.T, suite Suite) {
	for _, c := range []struct {
		name    string
		durable bool
		serve   func(w http.ResponseWriter, req *http.Request) error
		charged int64
	}{
		{"S18 stores and ends", true, func(http.ResponseWriter, *http.Request) error { return nil }, cost},
		{"S18 stores and answers", true, func(w http.ResponseWriter, _ *http.Request) error { return text(w, "stored") }, cost},
		{"S18 stores and streams", true, func(w http.ResponseWriter, _ *http.Request) error { return stream(w) }, cost},
		{"S18 stores, and it costs less", true, func(w http.ResponseWriter, req *http.Request) error { return report(req, 3, w) }, 3},
		{"S18 stores, and it costs nothing", true, func(w http.ResponseWriter, req *http.Request) error { return report(req, 0, w) }, 0},
		{"S18 answers 500", true, func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(500); return text(w, "no") }, 0},
		{"S18 fails", true, func(http.ResponseWriter, *http.Request) error { return errHandler }, 0},
		{"S18 panics", true, func(http.ResponseWriter, *http.Request) error { panic(errHandler) }, 0},
		{"S18 reports what it stored, and ends", false, func(_ http.ResponseWriter, req *http.Request) error {
			return charge.SetCost(req.Context(), 3)
		}, 3},
		{"S18 reports what it stored, and answers", false, func(w http.ResponseWriter, req *http.Request) error { return report(req, 3, w) }, 3},
		{"S18 reports what it spent, and gives up", false, func(_ http.ResponseWriter, req *http.Request) error {
			_ = charge.SetCost(req.Context(), 3)
			return req.Context().Err()
		}, 3},
		{"S18 reports nothing", false, func(w http.ResponseWriter, _ *http.Request) error { return text(w, "stored") }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			entered := make(chan struct{})
			r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
				close(entered)
				<-req.Context().Done()
				return c.serve(w, req)
			}, func(route *Route) { route.Config.Durable = c.durable })
			conn := r.dial("ada")
			<-entered
			_ = conn.Close()
			if c.charged == 0 {
				r.became("ada", charge.Released, 0)
				return
			}
			r.became("ada", charge.Committed, c.charged)
		})
	}
	// A caller who is charged although it looks gone gets what it pays for.
	t.Run("S18 half closed", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{})
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			close(entered)
			<-req.Context().Done()
			return text(w, "the answer")
		}, func(route *Route) { route.Config.Durable = true })
		conn := r.dial("ada")
		<-entered
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(conn); !strings.Contains(string(got), "the answer") {
			t.Errorf("the caller was charged and got %q", got)
		}
		r.became("ada", charge.Committed, cost)
	})
}

// runNamed holds answers to naming their reservation, whatever a handler does
// with the header.
func runNamed(t *testing.T, suite Suite) {
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, req *http.Request) error
	}{
		{"S8 the header is cleared", func(w http.ResponseWriter, _ *http.Request) error {
			clear(w.Header())
			return text(w, "done")
		}},
		{"S8 the header is cleared, and nothing is written", func(w http.ResponseWriter, _ *http.Request) error {
			clear(w.Header())
			return nil
		}},
		{"S8 the header is cleared, and a stream begins", func(w http.ResponseWriter, _ *http.Request) error {
			clear(w.Header())
			return stream(w)
		}},
		{"S8 the header says something else", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set(charge.ReservationHeader, "another")
			w.Header().Add(charge.ReservationHeader, "a third")
			w.Header().Set(charge.TransactionTrailer, "another")
			return text(w, "done")
		}},
		{"S8 it says so later", func(w http.ResponseWriter, _ *http.Request) error {
			err := stream(w)
			w.Header().Set(charge.ReservationHeader, "another")
			w.Header().Set(charge.TransactionTrailer, "another")
			return err
		}},
		{"S8 a length and a header of its own", func(w http.ResponseWriter, _ *http.Request) error {
			clear(w.Header())
			w.Header().Set("Content-Length", "4")
			w.Header().Set(charge.TransactionTrailer, "another")
			return text(w, "done")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, c.serve)
			got := r.send("POST", "ada", "")
			info := r.became("ada", charge.Committed, cost)
			r.equal("X-Credit-Reservation", []string{info.ReservationID}, got.header[charge.ReservationHeader])
			want := info.TransactionID
			if got.header.Get("Content-Length") == "4" {
				want = "" // the header had gone out before there was a transaction
			}
			r.equal("X-Credit-Transaction", want, got.trailer.Get(charge.TransactionTrailer)+got.header.Get(charge.TransactionTrailer))
		})
	}
	// What was not charged names no transaction, whatever the handler says.
	t.Run("S8 a transaction of the handler's own", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			_ = charge.SetCost(req.Context(), 0)
			err := stream(w)
			w.Header().Set(charge.TransactionTrailer, "another")
			return err
		})
		got := r.send("POST", "ada", "")
		r.became("ada", charge.Released, 0)
		r.equal("X-Credit-Transaction", "", got.trailer.Get(charge.TransactionTrailer))
	})
}
