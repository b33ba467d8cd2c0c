package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const purgeable = 3 * (1 + 5) // rows of endedSessions

var endedIDs = []string{"1", "2", "3", "none"}

// endedSessions makes three sessions that ended, with five tokens each.
func endedSessions(t *testing.T) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for _, statement := range []string{
		`INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('u', 'n', 'e', 1, 1)`,
		`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3)
			INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at, last_activity_at) SELECT i, 'u', 9, 1, 1, 1 FROM n`,
		// Like those of digests, the hashes are in no order.
		`WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 14)
			INSERT INTO refresh_tokens (hash, session_id, created_at, spent_at, successor_hash)
			SELECT CAST(printf('%032d', i * 7 % 15) AS BLOB), 1 + i / 5, 1, iif(i % 5 < 4, 2, NULL),
				iif(i % 5 < 4, CAST(printf('%032d', (i + 1) * 7 % 15) AS BLOB), NULL) FROM n`,
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// rows checks how many of the rows of endedSessions are there.
func rows(t *testing.T, s *Store, want int) {
	t.Helper()
	var n int
	err := s.read.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens)`).Scan(&n)
	if err != nil || n != want {
		t.Errorf("%d rows are there, %v, want %d", n, err, want)
	}
}

// TestPurgeInSteps: a transaction deletes as many rows as it may, and what is
// left after it is whole.
func TestPurgeInSteps(t *testing.T) {
	t.Parallel()
	s := endedSessions(t)
	const limit = 4
	list, err := s.dying(t.Context(), endedIDs)
	if len(list) != 3 || err != nil {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	for left := purgeable; left > 0; left -= limit {
		rows(t, s, left)
		err := s.inTx(t.Context(), func(tx *sql.Tx) error {
			list, _, err = purge(t.Context(), tx, list, limit)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows(t, s, 0)
	if len(list) != 0 {
		t.Errorf("%d sessions are left to do", len(list))
	}
}

// TestPurgeByTwo: a session whose tokens another process is deleting is not
// taken from it, whatever its size.
func TestPurgeByTwo(t *testing.T) {
	t.Parallel()
	s := endedSessions(t)
	list, err := s.dying(t.Context(), endedIDs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), `DELETE FROM refresh_tokens WHERE hash = ?`, list[1].oldest); err != nil {
		t.Fatal(err)
	}
	var deleted int
	err = s.inTx(t.Context(), func(tx *sql.Tx) error {
		list, deleted, err = purge(t.Context(), tx, list, 1000)
		return err
	})
	if len(list) != 0 || deleted != 2 || err != nil {
		t.Errorf("%d sessions deleted and %d left to do, %v", deleted, len(list), err)
	}
	rows(t, s, 1+4)
	if purged, err := s.DropSessions(t.Context(), endedIDs, 10); purged != 1 || err != nil {
		t.Errorf("the next time: %d, %v", purged, err)
	}
	rows(t, s, 0)
}

// TestForgetInSteps: what is not needed any more goes however much there is, by
// statements that each delete so many rows at most.
func TestForgetInSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		table, add string
		forget     func(*Store) error
	}{
		{"session_revocations", `INSERT INTO session_revocations (session_id, at) SELECT i, %s FROM n`,
			func(s *Store) error { return s.ForgetRevocations(t.Context(), time.Now().Add(-time.Minute)) }},
		{"password_failures", `INSERT INTO password_failures (subject, source, count, at) SELECT x'', i, 1, %s FROM n`,
			func(s *Store) error { return s.ForgetFailures(t.Context(), time.Minute) }},
	} {
		t.Run(test.table, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			s := open(t, path)
			add := func(count int, at string) {
				t.Helper()
				if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) `+test.add,
					count, at)); err != nil {
					t.Fatal(err)
				}
			}
			add(2*forgetAtOnce+1, "0")
			add(2, databaseNow)
			var changed []int64
			if err := test.forget(&Store{write: observed(t, path, observer{exec: func(rows int64) { changed = append(changed, rows) }})}); err != nil {
				t.Fatal(err)
			}
			if want := []int64{forgetAtOnce, forgetAtOnce, 1}; !slices.Equal(changed, want) {
				t.Errorf("%v rows went, want %v", changed, want)
			}
			var left int
			if err := s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM `+test.table).Scan(&left); err != nil || left != 2 {
				t.Errorf("%d rows are left, %v", left, err)
			}
		})
	}
}
