package charge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// writer watches how far an answer gets. It keeps what http.ResponseController
// finds in the one below.
type writer struct {
	http.ResponseWriter
	request *http.Request
	until   time.Time                 // nothing is handed on from then on
	refuse  func(http.ResponseWriter) // answers in its place

	begun  bool // something of the answer was handed on
	status int  // its status; 0 before it began
	gone   bool // the caller was found gone before that, and gets nothing
	trails bool // a trailer was announced

	// A write, or a read of the body, failed on its way: the caller is gone,
	// or has seen to it that it looks so. A handler may read while it writes.
	lost atomic.Bool
}

// begin is called before anything is handed on. A caller that has gone by then
// gets nothing: it may have closed its side alone and go on reading, and what
// it reads would not be charged.
func (w *writer) begin(status int) error {
	late := !time.Now().Before(w.until)
	switch {
	case w.begun && late:
		w.lost.Store(true)
		return errLate
	case w.begun:
		return nil
	case w.left():
		return errGone
	case late:
		w.begun, w.status = true, http.StatusServiceUnavailable
		w.refuse(w.ResponseWriter)
		return errLate
	}
	w.begun, w.status = true, status
	h := w.Header()
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
func (w *writer) cutOff() (stop func()) {
	var (
		lock sync.Mutex
		done bool
	)
	timer := time.AfterFunc(time.Until(w.until), func() {
		lock.Lock()
		defer lock.Unlock()
		if !done {
			// Where it is not supported, the next write is refused.
			_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
		}
	})
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
	n, err := w.ResponseWriter.Write(p)
	return n, w.note(err)
}

// note remembers that the way to the caller is broken. What the handler itself
// did wrong, or what a time limit of the server cut off, is no such thing.
func (w *writer) note(err error) error {
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) && !errors.Is(err, http.ErrContentLength) &&
		!errors.Is(err, http.ErrHandlerTimeout) && !errors.Is(err, http.ErrNotSupported) {
		w.lost.Store(true)
	}
	return err
}

// Flush is there for handlers that ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is there for http.ResponseController.
func (w *writer) FlushError() error {
	if err := w.begin(http.StatusOK); err != nil {
		return err
	}
	return w.note(http.NewResponseController(w.ResponseWriter).Flush())
}

// Hijack hands the connection over, which is an answer.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.begun && w.left() {
		return nil, nil, errGone
	}
	if !time.Now().Before(w.until) {
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
	if !errors.Is(w.request.Context().Err(), context.DeadlineExceeded) {
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

// name tells the caller the transaction, in whatever way is still open.
func (w *writer) name(transactionID string) {
	if w.trails || !w.begun {
		w.Header().Set(TransactionTrailer, transactionID)
	}
}

// upload is a request's body whose breaking off is noted: it is the caller's
// doing, and no failure of the handler that stumbles over it.
type upload struct {
	io.ReadCloser
	out *writer
}

func (u upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		u.out.lost.Store(true)
	}
	return n, err
}
