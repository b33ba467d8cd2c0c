package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// superseded is the number in goose_db_version of a database that has a record
// of names. No migration has it, and so programs that know numbers alone refuse
// the database.
const superseded = math.MaxInt32

// Programs up to commit 0893ee0 ran the migrations with goose, which keeps a
// table of their numbers, goose_db_version, and enters number 0 when it makes
// the table. numberedSteps are those migrations, number 1 first, each with an
// expression that says whether what it makes is there.
var numberedSteps = []struct{ name, made string }{
	{"00001_accounts.sql", hasColumn("refresh_tokens", "hash")},
	{"00002_key_rotation.sql", hasColumn("jwks", "signs_from")},
	{"00003_revocation.sql", hasColumn("session_revocations", "seq")},
	// The trigger is missing where 00004 ran before it was finished.
	{"00004_credits.sql", `EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = 'credit_transactions_no_replace')`},
}

func hasColumn(table, column string) string {
	return fmt.Sprintf(`EXISTS (SELECT 1 FROM pragma_table_info('%s') WHERE name = '%s')`, table, column)
}

// numbered are the names that goose's numbers stand for. Another program may
// use goose too, or the table may be damaged: they count where the tables are
// those that the numbers say.
func (m migration) numbered(ctx context.Context) ([]string, error) {
	numbers, err := column[int](ctx, m.tx, `SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id <> 0 ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	if slices.Contains(numbers, superseded) {
		return nil, errors.New("its table manacore_migrations is missing, which lists the migrations that ran; it was left as it is, restore a backup")
	}
	made, err := m.made(ctx)
	if err != nil {
		return nil, err
	}
	if len(made) == 0 && len(numbers) > 0 {
		return nil, errForeign
	}
	var names []string
	for _, number := range numbers {
		if number < 1 || number > len(numberedSteps) {
			return nil, &store.NewerSchema{Names: []string{fmt.Sprintf("number %d", number)}}
		}
		names = append(names, numberedSteps[number-1].name)
	}
	if !slices.Equal(names, made) {
		return nil, fmt.Errorf("its table goose_db_version says that %q ran, and the tables are those of %q: "+
			"it is damaged or was made by a program from before commit 6ba7b94, and was left as it is; restore a backup or name another file", names, made)
	}
	return names, nil
}

// made are the names of the numberedSteps that have made what they make.
func (m migration) made(ctx context.Context) (names []string, err error) {
	expressions, found, into := make([]string, len(numberedSteps)), make([]bool, len(numberedSteps)), make([]any, len(numberedSteps))
	for n, step := range numberedSteps {
		expressions[n], into[n] = step.made, &found[n]
	}
	if err := m.tx.QueryRowContext(ctx, `SELECT `+strings.Join(expressions, ", ")).Scan(into...); err != nil {
		return nil, err
	}
	for n, step := range numberedSteps {
		if found[n] {
			names = append(names, step.name)
		}
	}
	return names, nil
}

// Supersede implements migrate.Tx.
func (m migration) Supersede(ctx context.Context) error {
	var numbered bool
	err := m.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'goose_db_version')`).Scan(&numbered)
	if err != nil || !numbered {
		return err
	}
	_, err = m.tx.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)`, superseded)
	return err
}
