package token

import (
	"errors"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/manacore/manacore-go/client/internal/fault"
)

const (
	// maxDepth is how deep a header or payload may nest, itself counted.
	maxDepth = 32
	// maxText is the longest accepted text of a header parameter or claim that
	// is read, in bytes.
	maxText = 512
)

// object is what a JSON object is read into.
type object interface {
	// names are the members that are read; the others are skipped.
	names() []string
	// member reads the value of the member names()[i].
	member(r *reader, i int) error
	// refusal is the error for what is wrong with the object as a whole.
	refusal() error
}

// reader walks JSON texts. It adds to the decoder, which refuses invalid
// UTF-8, duplicate names and bad syntax, the rules of this package.
type reader struct {
	*jsontext.Decoder
	src  string // what the decoder reads; strings without escapes are cut out of it
	into object
}

// read reads src into an object, and sees to it that nothing follows. A
// *fault.Reason of the object is returned as it is, and everything else is
// its refusal: the decoder's own texts quote the input. text is src as a
// string.
func (r *reader) read(src []byte, text string, into object) error {
	r.src, r.into = text, into
	err := json.Unmarshal(src, r)
	if err == nil {
		return nil
	}
	if reason, ok := errors.AsType[*fault.Reason](err); ok {
		return reason
	}
	return into.refusal()
}

// UnmarshalJSONFrom reads one object; json.Unmarshal calls it.
func (r *reader) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	r.Decoder = dec
	start, err := r.ReadToken()
	if err != nil {
		return err
	}
	if start.Kind() != '{' {
		return r.into.refusal()
	}
	for r.PeekKind() != '}' {
		if err := r.member(); err != nil {
			return err
		}
	}
	_, err = r.ReadToken()
	return err
}

// member reads one member. A name that differs from a known one only by case
// is refused: decoders that fold case would read it as that name (attack 62).
func (r *reader) member() error {
	name, err := r.ReadToken()
	if err != nil {
		return err
	}
	i, folded := find(r.into.names(), name.String())
	switch {
	case folded:
		return r.into.refusal()
	case i < 0:
		return r.skip()
	default:
		return r.into.member(r, i)
	}
}

func find(names []string, name string) (i int, folded bool) {
	for i, known := range names {
		if known == name {
			return i, false
		}
	}
	for _, known := range names {
		if strings.EqualFold(known, name) {
			return -1, true
		}
	}
	return -1, false
}

// skip passes over one value. It keeps no more of it than the decoder's
// stack, and refuses what readers behind us could stumble over: nesting below
// maxDepth (attack 72) and numbers outside float64 (attack 73).
func (r *reader) skip() error {
	outer := r.StackDepth()
	for {
		tok, err := r.ReadToken()
		if err != nil {
			return err
		}
		if r.StackDepth() > maxDepth {
			return r.into.refusal()
		}
		if tok.Kind() == '0' {
			if _, err := tok.Float(); err != nil {
				return r.into.refusal()
			}
		}
		if r.StackDepth() == outer {
			return nil
		}
	}
}

// text reads a string of at most maxText bytes without the characters that
// would do harm where it is written down (attack 74). A string without escapes
// is cut out of src.
func (r *reader) text(refusal error) (string, error) {
	raw, err := r.ReadValue()
	if err != nil {
		return "", err
	}
	if raw.Kind() != '"' {
		return "", refusal
	}
	end := int(r.InputOffset())
	s := r.src[end-len(raw)+1 : end-1]
	if strings.IndexByte(s, '\\') >= 0 {
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "", err
		}
		s = string(unquoted)
	}
	return s, plain(s, refusal)
}

func plain(s string, refusal error) error {
	if len(s) > maxText || strings.ContainsFunc(s, harmful) {
		return refusal
	}
	return nil
}

// harmful tells the characters that break a line or steer a terminal, and
// those that turn the direction of what stands around them.
func harmful(r rune) bool {
	if r <= unicode.MaxLatin1 {
		return unicode.IsControl(r)
	}
	return unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
