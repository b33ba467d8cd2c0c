package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Revocations implements store.Revocations. There is one writer, and so a number
// that is seen has none missing below it.
func (s *Store) Revocations(ctx context.Context, since store.Mark, from time.Time) (out store.RevocationPage, err error) {
	var before, now int64
	if since.Position != "" {
		if before, err = strconv.ParseInt(since.Position, 10, 64); err != nil {
			return out, fmt.Errorf("sqlite: no mark of this store: %w", err)
		}
	}
	rows, err := s.read.QueryContext(ctx, `SELECT n.seq, r.session_id, r.at
		FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'session_revocations'), 0) AS seq) n
		LEFT JOIN session_revocations r ON ?1 <> '' AND r.seq > ?2`, since.Database, before)
	if err != nil {
		return out, err
	}
	if out.List, err = collectRevocations(rows, &now); err != nil {
		return store.RevocationPage{}, err
	}
	out.Next = store.Mark{Database: "sqlite", Position: strconv.FormatInt(now, 10)}
	if since.Database == out.Next.Database && now >= before {
		return out, nil
	}
	// What is read now is at least what there was when the new mark was made.
	out.Anew = true
	if rows, err = s.read.QueryContext(ctx, `SELECT seq, session_id, at FROM session_revocations WHERE at >= ?`, from.UnixMilli()); err != nil {
		return store.RevocationPage{}, err
	}
	var last int64
	out.List, err = collectRevocations(rows, &last)
	return out, err
}

// collectRevocations reads rows of a position, which stays in the last one's, and
// a revocation, if there is one.
func collectRevocations(rows *sql.Rows, position *int64) ([]store.Revocation, error) {
	list, err := collect(rows, func() (store.Revocation, error) {
		var (
			session sql.NullString
			at      sql.NullInt64
		)
		err := rows.Scan(position, &session, &at)
		return store.Revocation{SessionID: session.String, At: instant(at)}, err
	})
	return slices.DeleteFunc(list, func(r store.Revocation) bool { return r.SessionID == "" }), err
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	return s.forget(ctx, `DELETE FROM session_revocations WHERE seq IN (SELECT seq FROM session_revocations WHERE at < ? LIMIT ?)`, millis(before))
}
