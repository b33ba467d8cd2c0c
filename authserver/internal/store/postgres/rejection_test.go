package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestRejection: which errors may be about one call of a batch.
func TestRejection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"success", nil, false},
		{"a value that is not taken", &pgconn.PgError{Code: "22P02"}, true},
		{"a constraint, wrapped", fmt.Errorf("step: %w", &pgconn.PgError{Code: "23514"}), true},
		{"a race that was lost each time", &pgconn.PgError{Code: "40001"}, true},
		{"a commit whose outcome is not known", &pgconn.PgError{Code: "40003"}, false},
		{"a value that is too large", &pgconn.PgError{Code: "54000"}, true},
		{"a row that another holds", &pgconn.PgError{Code: "55P03"}, true},
		{"a trigger", &pgconn.PgError{Code: "P0001"}, true},
		{"a damaged row", &pgconn.PgError{Code: "XX001", Severity: "ERROR"}, true},
		{"a proxy that lost the database", &pgconn.PgError{Code: "XX000", Severity: "FATAL"}, false},
		{"the same in another language", &pgconn.PgError{Code: "XX000", Severity: "FATALE", SeverityUnlocalized: "FATAL"}, false},
		{"a row that cannot be read", pgx.ScanArgError{Err: errors.New("infinity")}, true},
		{"a row that is not as it was read", errChanged, true},
		{"connection", &pgconn.PgError{Code: "08006"}, false},
		{"read-only", &pgconn.PgError{Code: "25006"}, false},
		{"no right", &pgconn.PgError{Code: "42501"}, false},
		{"resources", &pgconn.PgError{Code: "53300"}, false},
		{"shutdown", &pgconn.PgError{Code: "57P01"}, false},
		{"system", &pgconn.PgError{Code: "58030"}, false},
		{"a code that is none", &pgconn.PgError{Code: "2"}, false},
		{"no time left", context.DeadlineExceeded, false},
		{"another error", errors.New("connection reset"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := rejection(test.err)
			if !errors.Is(err, test.err) || errors.Is(err, groupcommit.ErrRejected) != test.want {
				t.Errorf("%v, want a rejection: %v", err, test.want)
			}
		})
	}
}

// TestUnreadableAccount: the batch is rejected, so that the account harms the
// operations on it alone.
func TestUnreadableAccount(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given,
			spent, entries, last_day, created_at, updated_at)
		VALUES ('u', 0, 5, 0, 0, 0, 5, 0, 1, current_date, now(), 'infinity')`)
	err := s.Ledger().Execute(t.Context(), ledger.Need{Users: []string{"u"}}, func(ledger.Loaded) ledger.Changes {
		t.Error("it was read")
		return ledger.Changes{}
	})
	if !errors.Is(err, groupcommit.ErrRejected) {
		t.Errorf("%v, want a rejection", err)
	}
}
