package form

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxMembers is how many members a body may have.
	MaxMembers = 64
	// maxInner is how many members and elements an object that is kept as it is
	// may have, at any depth.
	maxInner = 1024
	// maxDepth is how deep objects and arrays may be nested.
	maxDepth = 32
)

// ErrTooMany means that the body has more members than any form has fields. The
// work on a body would otherwise grow with a number that a stranger chooses.
var ErrTooMany = errors.New("too many members")

// decoders are for use again. Each takes some 500 bytes, for every body.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// nothing is what a decoder reads that waits for its next use. It is never read.
var nothing = strings.NewReader("")

// readMembers reads the members of a JSON object. What is inside their values
// counts too, and fields say which of them may have more inside. The error is
// ErrMalformed or ErrTooMany.
func readMembers(body []byte, fields []Field) (map[string]jsontext.Value, error) {
	// Invalid UTF-8 is an error of the decoder. Duplicate names are found here,
	// because the decoder would keep a copy of each name, however long it is.
	decoder := decoders.Get().(*jsontext.Decoder)
	defer func() {
		decoder.Reset(nothing) // or it would keep the body
		decoders.Put(decoder)
	}()
	decoder.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	reader := memberReader{body: body, decoder: decoder, left: MaxMembers}
	if open, err := reader.decoder.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, ErrMalformed
	}
	sent := make(map[string]jsontext.Value, len(fields))
	for reader.decoder.PeekKind() != '}' {
		name, value, err := reader.member(fields)
		if err != nil {
			return nil, err
		}
		if _, twice := sent[name]; twice {
			return nil, ErrMalformed
		}
		sent[name] = value
	}
	if _, err := reader.decoder.ReadToken(); err != nil {
		return nil, ErrMalformed
	}
	if _, err := reader.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, ErrMalformed // something stands behind the object
	}
	return sent, nil
}

// memberReader reads one member after the other.
type memberReader struct {
	body    []byte
	decoder *jsontext.Decoder
	left    int // how many more members and elements the body may have
}

func (r *memberReader) member(fields []Field) (name string, value jsontext.Value, err error) {
	token, err := r.decoder.ReadToken()
	if err != nil {
		return "", nil, ErrMalformed
	}
	name = token.String()
	if r.left--; r.left < 0 {
		return "", nil, ErrTooMany
	}
	begin := r.decoder.InputOffset()
	left := &r.left
	for _, f := range fields {
		if f.Name == name && f.inner > 0 {
			own := f.inner
			left = &own
		}
	}
	if err := r.skip(left); err != nil {
		return "", nil, err
	}
	return name, bytes.TrimLeft(r.body[begin:r.decoder.InputOffset()], ": \t\r\n"), nil
}

// skip reads a value to its end, and takes what is inside from left.
func (r *memberReader) skip(left *int) error {
	outside := r.decoder.StackDepth()
	for {
		token, err := r.decoder.ReadToken()
		depth := r.decoder.StackDepth()
		if err != nil || depth > maxDepth {
			return ErrMalformed
		}
		if depth == outside {
			return nil
		}
		if opens := token.Kind() == '{' || token.Kind() == '['; opens && depth == outside+1 {
			continue // the value itself
		}
		if kind, length := r.decoder.StackIndex(depth); kind == '{' && length%2 == 1 {
			continue // a name, which counts with its value
		}
		if *left--; *left < 0 {
			return ErrTooMany
		}
	}
}
