package credits

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// maxLimit is the largest page, in transactions.
const maxLimit = 200

// Transaction is a row of a user's ledger.
type Transaction struct {
	ID   string
	Type string // usage, refund or purchase
	// Source is who reported it: "service", an app with its key; "user", the
	// user's own client, which proves nothing to the app; or "system", the ledger
	// itself. Empty from a ledger that does not say it, as the standalone
	// service. Transactions lists what was reported by "service" and "system".
	Source        string
	Amount        int64 // below zero where it took
	BalanceBefore int64
	BalanceAfter  int64
	AppID         string
	Operation     string
	Metadata      json.RawMessage // a JSON object; nil: none
	Key           string
	CreatedAt     time.Time
}

// PageParams is what TransactionsPage takes.
type PageParams struct {
	UserID string
	Limit  int    // 1 to 200. 0: 50
	Cursor string // next of the page before. "": the newest
}

// Transactions are what this app did with a user's credits, newest first, asked
// for a page at a time while the loop goes on:
//
//	for t, err := range ledger.Transactions(ctx, userID) {
//		if err != nil {
//			return err
//		}
//		...
//	}
//
// An error is the last pair, with a zero Transaction. What is written during the
// loop is not in it. Our own server has the route, the standalone service does
// not: there the error is ErrNotFound.
func (c *Client) Transactions(ctx context.Context, userID string) iter.Seq2[Transaction, error] {
	return func(yield func(Transaction, error) bool) {
		for p := (PageParams{UserID: userID, Limit: maxLimit}); ; {
			list, next, err := c.TransactionsPage(ctx, p)
			if err == nil && next != "" && next == p.Cursor {
				err = c.nonsense() // it would go round for ever
			}
			if err != nil {
				yield(Transaction{}, err)
				return
			}
			for _, t := range list {
				if !yield(t, nil) {
					return
				}
			}
			if p.Cursor = next; next == "" {
				return
			}
		}
	}
}

// TransactionsPage is one page of Transactions, for who shows them a page at a
// time. next is the cursor of the following page, empty after the last; a page
// may have fewer than Limit, or none, before that.
func (c *Client) TransactionsPage(ctx context.Context, p PageParams) (list []Transaction, next string, err error) {
	if err := checkUser(p.UserID); err != nil {
		return nil, "", err
	}
	if p.Limit < 0 || p.Limit > maxLimit {
		return nil, "", invalid("the limit of a page is 1 to 200")
	}
	if len(p.Cursor) > maxText || strings.IndexFunc(p.Cursor, notVisible) >= 0 {
		return nil, "", invalid("the cursor is not one of a page")
	}
	query := url.Values{}
	if p.Limit > 0 {
		query.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		query.Set("cursor", p.Cursor)
	}
	path := "/transactions/" + url.PathEscape(p.UserID)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	err = c.do(ctx, call{
		method: http.MethodGet,
		path:   path,
		limit:  maxPage,
		read: func(a *answer) error {
			list, err = readPage(a.body, p.UserID)
			next = a.header.Get(wire.NextCursorHeader)
			return err
		},
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, nil
}
