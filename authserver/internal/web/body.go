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

// readForm reads the JSON body of a request, of at most that many bytes, into
// fields.
func readForm(w http.ResponseWriter, r *http.Request, most int64, fields []form.Field) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return Fail(wire.PayloadTooLarge, "request entity too large")
		}
		return Fail(wire.InvalidRequest, "Request body could not be read")
	}
	return invalid(form.Parse(body, fields), "Request body is not a valid JSON object")
}

// invalid turns an error of package form into the answer to it.
func invalid(err error, malformed string) error {
	var problems *form.InvalidError
	switch {
	case errors.As(err, &problems):
		return &Failure{Code: wire.ValidationFailed, Message: problems.Problems}
	case errors.Is(err, form.ErrMalformed):
		return Fail(wire.InvalidRequest, malformed)
	}
	return err
}
