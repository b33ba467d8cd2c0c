package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// TestInBatch: which errors may be about one call of a batch.
func TestInBatch(t *testing.T) {
	t.Parallel()
	run := func(query string) func(*sql.Tx) error {
		return func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), query)
			return err
		}
	}
	for name, test := range map[string]struct {
		work func(*sql.Tx) error
		want bool
	}{
		"a value that is not taken": {run(`INSERT INTO users (id) VALUES (NULL)`), true},
		"a constraint that the commit finds broken": {run(`PRAGMA defer_foreign_keys = 1;
			INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (zeroblob(32), 'nowhere', 0)`), true},
		"a row that cannot be read": {func(tx *sql.Tx) error {
			var n int
			return tx.QueryRowContext(t.Context(), `SELECT 'text'`).Scan(&n)
		}, true},
		"a row that is not as it was read": {func(*sql.Tx) error { return errChanged }, true},
		"no such table":                    {run(`INSERT INTO nowhere (id) VALUES (1)`), false},
		"no time left":                     {func(*sql.Tx) error { return context.DeadlineExceeded }, false},
		"the caller left":                  {func(*sql.Tx) error { return context.Canceled }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, filepath.Join(t.TempDir(), "test.db"))
			if err := s.inBatch(t.Context(), test.work); err == nil || errors.Is(err, groupcommit.ErrRejected) != test.want {
				t.Errorf("%v, want a rejection: %v", err, test.want)
			}
			if err := s.inBatch(t.Context(), func(*sql.Tx) error { return nil }); err != nil {
				t.Errorf("the next transaction: %v", err)
			}
		})
	}
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	if err := s.write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.inBatch(t.Context(), func(*sql.Tx) error { return nil }); err == nil || errors.Is(err, groupcommit.ErrRejected) {
		t.Errorf("a database that does not answer: %v", err)
	}
}
