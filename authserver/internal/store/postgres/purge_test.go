package postgres

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestPurgeExisting: sessions of the existing service go too, when no token of
// theirs is good any more.
func TestPurgeExisting(t *testing.T) {
	t.Parallel()
	const (
		refreshed = "3f2c7f0e-0d1f-4b9c-9c8e-4a2f5c1d7e90" // expired in 2026, its refresh token expires in 2036
		revoked   = "7b0f3a52-9a3e-4a57-8f83-0d1e2c3b4a59" // likewise, and revoked in 2026
		replaced  = "replaced"                             // likewise, and has no refresh token any more
	)
	s := open(t, pgtest.Existing(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.sessions (id, token, user_id, expires_at, refresh_token_expires_at)
		SELECT '`+replaced+`', '`+replaced+`', user_id, expires_at, refresh_token_expires_at FROM auth.sessions WHERE id = '`+refreshed+`'`)
	there := func() (ids []string) {
		t.Helper()
		rows, err := s.pool.Query(t.Context(), `SELECT id FROM auth.sessions ORDER BY id`)
		if err != nil {
			t.Fatal(err)
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	all := there()
	for _, step := range []struct {
		year int
		gone map[string]bool
	}{
		{2026, nil},
		{2027, map[string]bool{revoked: true, replaced: true}},
		{2036, map[string]bool{revoked: true, replaced: true}},
		{2037, map[string]bool{revoked: true, replaced: true, refreshed: true}},
	} {
		var want []string
		for _, id := range all {
			if !step.gone[id] {
				want = append(want, id)
			}
		}
		if next, _, err := s.PurgeSessions(t.Context(), time.Date(step.year, 1, 1, 0, 0, 0, 0, time.UTC), "", 100); err != nil || next != "" {
			t.Fatalf("PurgeSessions: %q, %v", next, err)
		}
		if diff := cmp.Diff(want, there()); diff != "" {
			t.Errorf("sessions in %d (-want +got):\n%s", step.year, diff)
		}
	}
}

// endedSessions makes three sessions that ended, with 20 tokens.
func endedSessions(t *testing.T) *Store {
	t.Helper()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e');
		INSERT INTO auth.sessions (id, user_id, token, expires_at) SELECT i::text, 'u', i::text, '2026-01-01' FROM generate_series(1, 3) i;
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at, spent_at, successor_hash)
			SELECT sha256(i::text::bytea), (1 + i % 3)::text, now(), now(), sha256((i + 3)::text::bytea) FROM generate_series(1, 20) i`)
	return s
}

// purged purges by limit and checks how many of the three sessions went, and
// how many tokens there are then.
func purged(t *testing.T, s *Store, limit, sessions, tokens int) {
	t.Helper()
	_, n, err := s.PurgeSessions(t.Context(), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), "", limit)
	if n != sessions || err != nil {
		t.Errorf("%d sessions, %v, want %d", n, err, sessions)
	}
	var left int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM auth.refresh_tokens`).Scan(&left); err != nil || left != tokens {
		t.Errorf("%d tokens are left, %v, want %d", left, err, tokens)
	}
}

// TestPurgeInSteps: no statement deletes more rows than it may.
func TestPurgeInSteps(t *testing.T) {
	t.Parallel()
	s := endedSessions(t)
	pgtest.Exec(t, s.pool.Config().ConnString(), `CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF (SELECT count(*) FROM gone) > 3 THEN RAISE EXCEPTION '% rows at once', (SELECT count(*) FROM gone); END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER few AFTER DELETE ON auth.refresh_tokens REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION few();
		CREATE TRIGGER few AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION few()`)
	purged(t, s, 3, 3, 0)
}

// TestPurgeByTwo: what another replica is deleting is not waited for, nor taken
// from it, whatever its size.
func TestPurgeByTwo(t *testing.T) {
	t.Parallel()
	s := endedSessions(t)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }() // after the commit it does nothing
	if _, err := tx.Exec(t.Context(), `DELETE FROM auth.refresh_tokens WHERE hash = sha256('1')`); err != nil {
		t.Fatal(err)
	}
	purged(t, s, 100, 2, 1)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	purged(t, s, 100, 1, 0)
}
