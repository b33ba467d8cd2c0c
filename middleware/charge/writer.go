package charge

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/manacore/manacore-go/internal/recovery"
)

// writer watches how far an answer gets. It keeps what http.ResponseController
// finds in the one below.
type writer struct {
	http.ResponseWriter
	request     *http.Request
	reservation string                    // its id
	until       time.Time                 // nothing is handed on from then on
	pays        func() bool               // the caller is charged although it has gone
	refuse      func(http.ResponseWriter) // answers in its place

	begun  bool // something of the answer was handed on
	status int  // its status; 0 before it began
	late   bool // refuse answered
	gone   bool // the caller was found gone before the answer began
	trails bool // a trailer was announced
}

// begin is called before anything is handed on. A caller that has gone by then
// and does not pay gets nothing: it may have closed its side alone and go on
// reading, and what it reads would not be charged.
func (w *writer) begin(status int) error {
	late := !time.Now().Before(w.until)
	switch {
	case w.late, w.begun && late:
		return errLate
	case w.begun:
		return nil
	case w.left() && !w.pays():
		return errGone
	case late:
		w.late = true
		w.refuse(w.ResponseWriter)
		return errLate
	}
	w.begun, w.status = true, status
	h := w.Header()
	h.Set(ReservationHeader, w.reservation)
	h.Del(TransactionTrailer) // there is none yet
	body := w.request.Method != http.MethodHead && status < http.StatusBadRequest &&
		status != http.StatusNoContent && status != http.StatusNotModified
	if body && h.Get("Content-Length") == "" {
		w.trails = true
		h.Add("Trailer", TransactionTrailer)
	}
	return nil
}

// cutOff ends a write that waits for its reader once the time is over. What it
// returns is to be called when the handler has returned: from then on the
// connection is somebody else's.
func (w *writer) cutOff(log *slog.Logger) (stop func()) {
	var (
		lock sync.Mutex
		done bool
	)
	end := func() {
		lock.Lock()
		defer lock.Unlock()
		if !done {
			// Where it is not supported, the next write is refused.
			_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
		}
	}
	timer := time.AfterFunc(time.Until(w.until), func() { recovery.Run(log, "an answer was cut off", end) })
	return func() {
		timer.Stop()
		lock.Lock()
		defer lock.Unlock()
		done = true
	}
}

// left tells whether the caller has gone, and stays so.
func (w *writer) left() bool {
	w.gone = w.gone || errors.Is(w.request.Context().Err(), context.Canceled)
	return w.gone
}

func (w *writer) WriteHeader(status int) {
	// An informational status is not the answer yet (RFC 9110 section 15.2).
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.begin(status) == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// Flush is there for handlers that ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is there for http.ResponseController.
func (w *writer) FlushError() error {
	if err := w.begin(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the connection over, which is an answer.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.begun && w.left() && !w.pays() {
		return nil, nil, errGone
	}
	if w.late || !time.Now().Before(w.until) {
		return nil, nil, errLate
	}
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.begun, w.status = true, http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// Unwrap is there for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discarded tells whether an http.TimeoutHandler around the guard has thrown
// the answer away and sent one of its own. It says so to those who write alone,
// and perhaps a moment after the handler has learned that the time is over.
func (w *writer) discarded() bool {
	if !errors.Is(w.request.Context().Err(), context.DeadlineExceeded) || flushes(w.ResponseWriter) {
		return false
	}
	for pause := time.Millisecond; pause < 100*time.Millisecond; pause *= 2 {
		if _, err := w.ResponseWriter.Write(nil); err != nil {
			return errors.Is(err, http.ErrHandlerTimeout)
		}
		time.Sleep(pause)
	}
	return false
}

// flushes tells whether the innermost writer can send what it has got so far.
// The one of an http.TimeoutHandler can't, since it keeps the whole answer.
func flushes(w http.ResponseWriter) bool {
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = inner.Unwrap()
	}
	_, plain := w.(http.Flusher)
	_, failing := w.(interface{ FlushError() error })
	return plain || failing
}

// name names the reservation to the caller, and the transaction if there is one,
// in whatever way is still open.
func (w *writer) name(transactionID string) {
	h := w.Header()
	switch {
	case w.begun && !w.trails, w.late:
		return
	case !w.begun && w.left() && !w.pays():
		clear(h) // nothing that the handler made gets out, not in the header either
		return
	case !w.begun:
		h.Set(ReservationHeader, w.reservation)
	}
	h.Del(TransactionTrailer)
	if transactionID != "" {
		h.Set(TransactionTrailer, transactionID)
	}
}
