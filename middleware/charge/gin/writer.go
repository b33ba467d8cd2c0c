package chargegin

import (
	"bufio"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// watched is Gin's writer with the charge's in between: what is sent goes by
// the second. Gin keeps a status that nothing was written after, and so it
// reaches the charge with the first byte.
type watched struct {
	gin.ResponseWriter
	out http.ResponseWriter
}

func (w *watched) Write(p []byte) (int, error) {
	w.begin()
	return w.out.Write(p)
}

func (w *watched) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *watched) begin() {
	if !w.Written() {
		w.out.WriteHeader(w.Status())
	}
}

func (w *watched) WriteHeaderNow() {
	if !w.Written() {
		_, _ = w.Write(nil) // the header alone, unless the caller has gone
	}
}

func (w *watched) Flush() {
	w.begin()
	_ = http.NewResponseController(w.out).Flush()
}

func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.out).Hijack()
}

// Unwrap is there for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.out }
