package web

import (
	"errors"
	"io"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/internal/wire"
)

// MaxBody is the largest request body of a route that does not say otherwise,
// in bytes.
const MaxBody = 100 << 10

// SmallBody is the largest request body that never counts as a heavy one, in
// bytes.
const SmallBody = form.SmallBody

// maxLarge is how many bodies larger than SmallBody the server reads and works
// on at once. With their copies they take some 300 KiB each.
const maxLarge = 64

// readForm reads the JSON body of a request, of at most that many bytes, into
// fields. A body that says that it is larger is not read.
func readForm(w http.ResponseWriter, r *http.Request, most int64, fields []form.Field) error {
	if r.ContentLength > most {
		return Fail(wire.PayloadTooLarge, "request entity too large")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		if refused, ok := errors.AsType[*Failure](err); ok {
			return refused
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return Fail(wire.PayloadTooLarge, "request entity too large")
		}
		return Fail(wire.InvalidRequest, "Request body could not be read")
	}
	return invalid(form.Parse(body, fields), "Request body is not a valid JSON object")
}

// countedBody is a request's body that asks for leave when it turns out to be
// larger than SmallBody.
type countedBody struct {
	io.ReadCloser
	heavy   heavy
	large   chan struct{}
	read    int64
	counted bool // whether the request was counted as a heavy one
	took    bool // whether it has a place in large
	failed  error
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.read > SmallBody && !b.took {
		if b.failed = b.admit(); b.failed != nil {
			return 0, b.failed
		}
	}
	return n, err
}

func (b *countedBody) admit() error {
	b.counted = true
	if err := b.heavy.count(); err != nil {
		return err
	}
	select {
	case b.large <- struct{}{}:
		b.took = true
		return nil
	default:
		return unavailable()
	}
}

// release gives the place in large back.
func (b *countedBody) release() {
	if b.took {
		<-b.large
	}
}

// invalid turns an error of package form into the answer to it.
func invalid(err error, malformed string) error {
	if err == nil {
		return nil
	}
	var problems *form.InvalidError
	switch {
	case errors.As(err, &problems):
		return &Failure{Code: wire.ValidationFailed, Message: problems.Problems}
	case errors.Is(err, form.ErrTooMany):
		return Fail(wire.InvalidRequest, "Request body has too many members")
	case errors.Is(err, form.ErrCostly):
		return Fail(wire.InvalidRequest, "Request body has too many escapes and letters beyond ASCII")
	case errors.Is(err, form.ErrMalformed):
		return Fail(wire.InvalidRequest, malformed)
	}
	return err
}
