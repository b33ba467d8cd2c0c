package postgres

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// superseded is the version in the lock row of a database that has a record of
// names. Programs up to commit 0893ee0 keep in that row how many migrations
// ran, and refuse a database on which more did than they know.
const superseded = math.MaxInt32

// numberedSteps are the migrations of those programs, each with a column that
// it made. A number alone does not tell which of them ran, because 00002 was
// added after 00003 and 00004.
var numberedSteps = []struct{ name, table, column string }{
	{"00001_initial.sql", "refresh_tokens", "hash"},
	{"00002_key_rotation.sql", "signing_keys", "signs_from"},
	{"00003_revocation.sql", "session_revocations", "seq"},
	{"00004_credits.sql", "credit_transactions", "key_hash"}, // which is missing where 00004 ran before it was finished
}

// madeBySteps is an expression: for each of numberedSteps, whether its column
// is there.
func madeBySteps() string {
	var made []string
	for _, step := range numberedSteps {
		made = append(made, hasColumn(step.table, step.column))
	}
	return `ARRAY[` + strings.Join(made, ", ") + `]`
}

// numberedNames are the names of the migrations that the version in the lock
// row counts.
func numberedNames(version int, made []bool) (names []string, err error) {
	switch {
	case version == 0:
		return nil, nil
	case version == superseded:
		return nil, errors.New("the table auth.manacore_migrations is missing, which lists the migrations that ran; the database was left as it is, restore a backup")
	case version > len(numberedSteps):
		return nil, &store.NewerSchema{Names: []string{fmt.Sprintf("version %d", version)}}
	}
	for n, step := range numberedSteps {
		if made[n] {
			names = append(names, step.name)
		}
	}
	if len(names) != version {
		return nil, fmt.Errorf("auth.manacore_schema says that %d migrations ran, and the tables are those of %q: "+
			"the database is damaged or was made by a program from before commit e842e62, and was left as it is", version, names)
	}
	return names, nil
}
