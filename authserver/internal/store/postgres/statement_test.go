package postgres

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestNamed(t *testing.T) {
	t.Parallel()
	s := named(`SELECT @b::text[], @a_1, @b`)
	if want := `SELECT $1::text[], $2, $1`; s.text != want {
		t.Errorf("text %q, want %q", s.text, want)
	}
	var batch pgx.Batch
	q := s.queue(&batch, pgx.NamedArgs{"a_1": 1, "b": 2, "unused": 3})
	if q.SQL != s.text || !slices.Equal(q.Arguments, []any{2, 1}) {
		t.Errorf("queued %q with %v", q.SQL, q.Arguments)
	}
}
