package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// ErrCursor means that no page ever had that cursor.
var ErrCursor = errors.New("ledger: malformed cursor")

// cursorVersion begins every cursor, so that a later form can be distinguished
// from this one.
const cursorVersion = "1:"

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
}

// History lists a page of a user's transactions. next is the cursor of the
// following page, and is empty after the last one. Transactions of an account
// are numbered without a gap, so that every page costs the same.
func (l *Ledger) History(ctx context.Context, userID string, p Page) (list []Transaction, next string, err error) {
	var last int64
	if p.Cursor != "" {
		if last, err = readCursor(p.Cursor); err != nil {
			return nil, "", err
		}
	} else {
		a, _, _, err := l.config.Store.Account(ctx, userID, l.now())
		if err != nil {
			return nil, "", err
		}
		last = a.Entries - p.Offset
	}
	if last <= 0 {
		return nil, "", nil
	}
	list, err = l.config.Store.Transactions(ctx, userID, last, p.Limit)
	if err != nil || len(list) == 0 {
		return nil, "", err
	}
	if oldest := list[len(list)-1].Entry; oldest > 1 {
		next = cursor(oldest - 1)
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
