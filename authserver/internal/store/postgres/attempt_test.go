package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// addSession stores a session of a user, and returns it with its refresh token.
func addSession(t *testing.T, s *Store, user, id string) (store.Session, store.Digest) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	session := store.Session{ID: id, UserID: user, CreatedAt: now, LastActivityAt: now, ExpiresAt: now.Add(time.Hour)}
	refresh := store.Digest(sha256.Sum256([]byte(id)))
	if err := s.Tx(t.Context(), func(tx store.Tx) error { return tx.AddSession(session, refresh) }); err != nil {
		t.Fatal(err)
	}
	return session, refresh
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want int // tries
	}{
		{"success", nil, 1},
		{"serialization failure", &pgconn.PgError{Code: "40001"}, attempts},
		{"deadlock, wrapped", fmt.Errorf("step: %w", &pgconn.PgError{Code: "40P01"}), attempts},
		{"two make one schema", &pgconn.PgError{Code: "23505", SchemaName: "pg_catalog"}, attempts},
		{"e-mail taken", &pgconn.PgError{Code: "23505", SchemaName: "auth", ConstraintName: emailUnique}, 1},
		{"another error", errors.New("40001"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			err := retry(t.Context(), func() error { tries++; return test.err })
			if tries != test.want || !errors.Is(err, test.err) {
				t.Errorf("%d tries, %v; want %d", tries, err, test.want)
			}
		})
	}
	tries := 0
	err := retry(t.Context(), func() error {
		if tries++; tries < 3 {
			return &pgconn.PgError{Code: "40001"}
		}
		return nil
	})
	if tries != 3 || err != nil {
		t.Errorf("%d tries, %v", tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = retry(ctx, func() error { return &pgconn.PgError{Code: "40001"} })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}
