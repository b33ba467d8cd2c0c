package authserver

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxCreditBody is the largest body of a credit route, in bytes. It is
	// above what any valid one has, so that a text which is too long is told
	// by its name; only who is known gets that far.
	maxCreditBody = 2 << 20
	// maxDescription is the longest description, in characters.
	maxDescription = 500
	// maxMetadata is the longest metadata, in bytes without spaces.
	maxMetadata = 4096
	// maxUserID and maxAppID are in characters.
	maxUserID = 128
	maxAppID  = 64
	// defaultPage and maxPage are numbers of transactions.
	defaultPage = 50
	maxPage     = 200
	maxOffset   = 1_000_000_000
)

// isUserID: ids are opaque, but of letters, digits, - and _ alone.
func isUserID(s string) bool {
	return s != "" && len(s) <= maxUserID && !strings.ContainsFunc(s, func(c rune) bool {
		return !isAlphanumeric(c) && c != '-' && c != '_'
	})
}

func isAppID(s string) bool {
	return s != "" && len(s) <= maxAppID && !strings.ContainsFunc(s, func(c rune) bool {
		return !isAlphanumeric(c) && c != '-' && c != '_' && c != '.'
	})
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// spending takes what requests to use and to refund share.
func (f *form) spending(op *ledger.Op) {
	op.Amount = f.credits("amount", true)
	op.AppID = f.matching("appId", isAppID)
	op.Description = f.words("description", true, maxDescription)
	op.Key = f.words("idempotencyKey", false, maxText)
	op.Metadata = f.object("metadata")
}

func (f *form) userID() string { return f.matching("userId", isUserID) }

// matching takes a required string that an id looks like.
func (f *form) matching(name string, is func(string) bool) string {
	s, ok := f.str(name)
	if ok && !is(s) {
		f.note("%s must be a valid id", name)
		return ""
	}
	return s
}

// credits takes a number of credits: a whole one, from 1 to what every client
// can count. It is zero where it is optional and absent.
func (f *form) credits(name string, required bool) (n int64) {
	present, valid := f.take(name, &n)
	switch {
	case !present && !required:
	case !valid:
		f.note("%s must be an integer number", name)
	case n < 1:
		f.note("%s must not be less than 1", name)
	case n > ledger.MaxCredits:
		f.note("%s must not be greater than %d", name, int64(ledger.MaxCredits))
	default:
		return n
	}
	return 0
}

// words takes a text of at most so many characters, none of them a control
// character. A required one is not empty.
func (f *form) words(name string, required bool, longest int) (s string) {
	present, valid := f.take(name, &s)
	switch {
	case !present && !required:
	case !valid:
		f.note("%s must be a string", name)
	case required && s == "":
		f.note("%s should not be empty", name)
	case utf8.RuneCountInString(s) > longest:
		f.note("%s must be shorter than or equal to %d characters", name, longest)
	case strings.ContainsFunc(s, unicode.IsControl):
		f.note("%s must not contain control characters", name)
	default:
		return s
	}
	return ""
}

// object takes a JSON object that may be absent, and returns it without
// spaces.
func (f *form) object(name string) string {
	var v jsontext.Value
	present, valid := f.take(name, &v)
	switch {
	case !present:
	case !valid || v.Kind() != '{' || v.Compact() != nil:
		f.note("%s must be an object", name)
	case len(v) > maxMetadata:
		f.note("%s must be shorter than or equal to %d bytes", name, maxMetadata)
	default:
		return string(v)
	}
	return ""
}

// recordID takes the id of a transaction or a reservation.
func (f *form) recordID(name string, required bool) (s string) {
	present, valid := f.take(name, &s)
	if !present && !required {
		return ""
	}
	if !valid || !isRecordID(s) {
		f.note("%s must be a UUID", name)
		return ""
	}
	return s
}

// isRecordID takes the one spelling that ids are handed out in (RFC 9562
// section 4).
func isRecordID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// lifetime takes a number of seconds that may be absent.
func (f *form) lifetime(name string) time.Duration {
	const most = int64(ledger.MaxLifetime / time.Second)
	var n int64
	present, valid := f.take(name, &n)
	switch {
	case !present:
		return ledger.DefaultLifetime
	case !valid:
		f.note("%s must be an integer number", name)
	case n < 1 || n > most:
		f.note("%s must be between 1 and %d seconds", name, most)
	}
	return time.Duration(n) * time.Second
}

// readPage reads limit, offset and cursor from the query.
func readPage(r *http.Request) (ledger.Page, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return ledger.Page{}, fail(wire.InvalidRequest, "Malformed query")
	}
	f := &form{}
	page := ledger.Page{
		Limit:  int(f.number(query, "limit", 1, maxPage, defaultPage)),
		Offset: f.number(query, "offset", 0, maxOffset, 0),
		Cursor: query.Get("cursor"),
	}
	if page.Cursor != "" && query.Has("offset") {
		f.note("offset should not exist beside cursor")
	}
	return page, f.finish()
}

func (f *form) number(query url.Values, name string, least, most, preset int64) int64 {
	values, ok := query[name]
	if !ok {
		return preset
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	switch {
	case err != nil || len(values) > 1:
		f.note("%s must be an integer number", name)
	case n < least:
		f.note("%s must not be less than %d", name, least)
	case n > most:
		f.note("%s must not be greater than %d", name, most)
	}
	return n
}
