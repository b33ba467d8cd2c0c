package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestSessionEndsExisting: of sessions of the existing service it is told until
// when they could be refreshed, where they have a refresh token, and they go as
// others do.
func TestSessionEndsExisting(t *testing.T) {
	t.Parallel()
	const (
		refreshed = "3f2c7f0e-0d1f-4b9c-9c8e-4a2f5c1d7e90" // expired in 2026, its refresh token expires in 2036
		revoked   = "7b0f3a52-9a3e-4a57-8f83-0d1e2c3b4a59" // likewise, and revoked in 2026
		replaced  = "replaced"                             // likewise, and has no refresh token any more
	)
	s := open(t, pgtest.Existing(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.sessions (id, token, user_id, expires_at, refresh_token_expires_at)
		SELECT '`+replaced+`', '`+replaced+`', user_id, expires_at, refresh_token_expires_at FROM auth.sessions WHERE id = '`+refreshed+`'`)
	ends := func() map[string][3]int { // years of the expiry, of the last refresh and of the revocation
		t.Helper()
		list, err := s.SessionEnds(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		years := map[string][3]int{}
		for _, end := range list {
			years[end.ID] = [3]int{end.ExpiresAt.Year(), end.RefreshableUntil.Year(), end.RevokedAt.Year()}
		}
		return years
	}
	all := ends()
	for id, want := range map[string][3]int{refreshed: {2026, 2036, 1}, revoked: {2026, 2036, 2026}, replaced: {2026, 1, 1}} {
		if all[id] != want {
			t.Errorf("session %s: years %v, want %v", id, all[id], want)
		}
		delete(all, id)
	}
	if dropped, err := s.DropSessions(t.Context(), []string{refreshed, revoked, replaced, "none"}, 100); dropped != 3 || err != nil {
		t.Errorf("%d sessions dropped, %v, want 3", dropped, err)
	}
	if diff := cmp.Diff(all, ends()); diff != "" {
		t.Errorf("sessions that are left (-want +got):\n%s", diff)
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

// purged drops the three sessions by limit and checks how many of them went, and
// how many tokens there are then.
func purged(t *testing.T, s *Store, limit, sessions, tokens int) {
	t.Helper()
	n, err := s.DropSessions(t.Context(), []string{"1", "2", "3"}, limit)
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
	few(t, s, "auth.refresh_tokens", 3)
	few(t, s, "auth.sessions", 3)
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

// few has every statement fail that deletes more than most rows of a table.
func few(t *testing.T, s *Store, table string, most int) {
	t.Helper()
	pgtest.Exec(t, s.pool.Config().ConnString(), fmt.Sprintf(`CREATE OR REPLACE FUNCTION auth.few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF (SELECT count(*) FROM gone) > %d THEN RAISE EXCEPTION '%% rows at once', (SELECT count(*) FROM gone); END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER few AFTER DELETE ON %s REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION auth.few()`, most, table))
}

// TestForgetInSteps: what is not needed any more goes however much there is, by
// statements that each delete so many rows at most, and what another replica is
// deleting is not waited for.
func TestForgetInSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		table, columns string
		forget         func(*Store) error
	}{
		{"auth.session_revocations", `INSERT INTO auth.session_revocations (session_id, at) SELECT n, %s FROM generate_series(1, %d) n`,
			func(s *Store) error { return s.ForgetRevocations(t.Context(), time.Now().Add(-time.Minute)) }},
		{"auth.password_failures", `INSERT INTO auth.password_failures (subject, source, count, at) SELECT '', n, 1, %s FROM generate_series(1, %d) n`,
			func(s *Store) error { return s.ForgetFailures(t.Context(), time.Minute) }},
	} {
		t.Run(test.table, func(t *testing.T) {
			t.Parallel()
			s := open(t, pgtest.New(t))
			url := s.pool.Config().ConnString()
			pgtest.Exec(t, url, fmt.Sprintf(test.columns, `now() - interval '1 hour'`, 2*forgetAtOnce+1))
			pgtest.Exec(t, url, fmt.Sprintf(test.columns, `now()`, 2))
			few(t, s, test.table, forgetAtOnce)
			holder, err := s.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = holder.Rollback(t.Context()) }() // after the end it does nothing
			if _, err := holder.Exec(t.Context(), `SELECT 1 FROM `+test.table+` ORDER BY seq LIMIT 1 FOR UPDATE`); err != nil {
				t.Fatal(err)
			}
			for _, want := range []int{3, 2} {
				if err := test.forget(s); err != nil {
					t.Fatal(err)
				}
				var left int
				if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+test.table).Scan(&left); err != nil || left != want {
					t.Errorf("%d rows are left, %v, want %d", left, err, want)
				}
				if err := holder.Rollback(t.Context()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
					t.Fatal(err)
				}
			}
		})
	}
}
