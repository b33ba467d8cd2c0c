package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxEvent is the longest accepted event, in bytes.
	maxEvent = 256 << 10
	// maxCursor is the longest accepted cursor, in bytes.
	maxCursor = 256
)

var (
	errEventSize = errors.New("an event of the feed is over 256 KiB")
	errEvent     = errors.New("an event of the feed is not what the contract says")
)

// events reads a stream of server-sent events (HTML Standard, section 9.2). What
// it has no use for is skipped: comments, and the fields event, id and retry.
type events struct {
	lines *bufio.Reader
	data  []byte
}

func newEvents(r io.Reader) *events {
	return &events{lines: bufio.NewReaderSize(r, 4096)}
}

// next returns the next event. The error is one of the reader, or says that what
// came is no event of the feed.
func (e *events) next() (wire.Revocations, error) {
	e.data = e.data[:0]
	for {
		line, err := e.line()
		if err != nil {
			return wire.Revocations{}, err
		}
		if len(line) == 0 {
			if len(e.data) == 0 {
				continue
			}
			return decode(e.data)
		}
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if len(e.data)+len(value) > maxEvent {
				return wire.Revocations{}, errEventSize
			}
			e.data = append(append(e.data, bytes.TrimPrefix(value, []byte(" "))...), '\n')
		}
	}
}

// line reads a line without its end, which is a line feed with or without a
// carriage return before it.
func (e *events) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := e.lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(whole)+len(part) > maxEvent {
			return nil, errEventSize
		}
		if err == nil && whole == nil {
			return trimmed(part), nil
		}
		whole = append(whole, part...)
		if err == nil {
			return trimmed(whole), nil
		}
	}
}

func trimmed(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

func decode(data []byte) (wire.Revocations, error) {
	var event wire.Revocations
	if err := json.Unmarshal(data, &event); err != nil {
		return wire.Revocations{}, errEvent // its own text quotes what came
	}
	if event.KnownUpTo <= 0 || len(event.Cursor) > maxCursor {
		return wire.Revocations{}, errEvent
	}
	for _, b := range []byte(event.Cursor) {
		if b <= ' ' || b > '~' {
			return wire.Revocations{}, errEvent
		}
	}
	return event, nil
}
