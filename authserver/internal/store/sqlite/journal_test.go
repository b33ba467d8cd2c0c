package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestO29Journal: the write-ahead log does not keep the size of the largest
// transaction that there ever was.
func TestO29Journal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	write := func(bytes int) {
		err := s.inTx(t.Context(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `CREATE TABLE IF NOT EXISTS large (content TEXT)`); err != nil {
				return err
			}
			_, err := tx.ExecContext(t.Context(), `INSERT INTO large VALUES (?)`, strings.Repeat("x", bytes))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(2 * journalLimit)
	if got := size(); got < 2*journalLimit {
		t.Fatalf("the log has %d bytes after a transaction of %d", got, 2*journalLimit)
	}
	write(1) // which begins the log anew
	if got := size(); got > journalLimit {
		t.Errorf("the log has %d bytes, want at most %d", got, journalLimit)
	}
}
