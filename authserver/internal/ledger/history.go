package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
)

// ErrCursor means that no page ever had that cursor.
var ErrCursor = errors.New("ledger: malformed cursor")

// cursorVersion begins every cursor, so that a later form can be distinguished
// from this one.
const cursorVersion = "1:"

// maxSkipped is the largest Offset where the transactions of one app are asked
// for. They are not numbered, and so those that are left out have to be counted.
const maxSkipped = 10_000

// ErrOffset means that the transactions of an app were asked for from behind
// more than 10 000 newer ones. A cursor goes further.
var ErrOffset = errors.New("ledger: the offset is too large for the transactions of one app")

// Page asks for a part of a user's transactions, newest first.
type Page struct {
	Limit int // 1 and more
	// Offset is how many of the newest transactions are left out. A transaction
	// that is added between two pages shifts the second page.
	Offset int64
	// Cursor is the next cursor of the page before. With it no transaction is
	// repeated or skipped, whatever is added meanwhile. Empty means that Offset
	// counts.
	Cursor string
	// AppID asks for the transactions of one app alone, and Sources for those
	// that one of them reported. Empty means any app and every source; Sources
	// need an AppID.
	AppID   string
	Sources []Source
}

// History lists a page of a user's transactions. next is the cursor of the
// following page, and is empty after the last one. Every page costs the same,
// however many transactions there are, of the app or of others: those of an
// account are numbered without a gap, and those of an app have an index.
func (l *Ledger) History(ctx context.Context, userID string, p Page) (list []Transaction, next string, err error) {
	last := int64(math.MaxInt64)
	switch {
	case p.Cursor != "":
		if last, err = readCursor(p.Cursor); err != nil {
			return nil, "", err
		}
		p.Offset = 0
	case p.AppID == "":
		a, _, _, err := l.config.Store.Account(ctx, userID, l.now())
		if err != nil {
			return nil, "", err
		}
		last, p.Offset = a.Entries-p.Offset, 0
	case p.Offset > maxSkipped:
		return nil, "", ErrOffset
	}
	if last <= 0 {
		return nil, "", nil
	}
	q := HistoryQuery{UserID: userID, Last: last, AppID: p.AppID, Sources: p.Sources}
	list, err = l.config.Store.Transactions(ctx, q, int(p.Offset)+p.Limit+1)
	if err != nil {
		return nil, "", err
	}
	list = list[min(int(p.Offset), len(list)):]
	if len(list) > p.Limit {
		next, list = cursor(list[p.Limit].Entry), list[:p.Limit]
	}
	return list, next, nil
}

// cursor points at the newest transaction of the following page.
func cursor(entry int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorVersion + strconv.FormatInt(entry, 10)))
}

func readCursor(text string) (int64, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, ErrCursor
	}
	digits, ok := strings.CutPrefix(string(raw), cursorVersion)
	entry, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || entry <= 0 || text != cursor(entry) { // a cursor has one spelling
		return 0, ErrCursor
	}
	return entry, nil
}
