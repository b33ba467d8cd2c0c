package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
)

// script runs statements on the file at path, without a setting of the store.
func script(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// ofCommit0893ee0 is a database as the program of commit 0893ee0 left it.
func ofCommit0893ee0(t *testing.T, path string) {
	t.Helper()
	statements, err := os.ReadFile(filepath.Join("testdata", "0893ee0.sql"))
	if err != nil {
		t.Fatal(err)
	}
	script(t, path, string(statements))
}

// ofCommit1262252Parent is one of the commit before 1262252, which had no 00002
// and no 00004.
func ofCommit1262252Parent(t *testing.T, path string) {
	t.Helper()
	numbered(t, path, "00001_accounts.sql", "00003_revocation.sql")
	script(t, path, `
		INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('ann', 'Ann', 'ann@example.com', 1, 1);
		INSERT INTO jwks (id, public_key, private_key, created_at) VALUES ('key', 'public', 'private', 77);`)
}

// withGap is one with a record of names in which 00002 and 00004 are missing.
func withGap(t *testing.T, path string) {
	t.Helper()
	ofCommit1262252Parent(t, path)
	record, err := migrations.ReadFile("migrations/" + migrate.Record)
	if err != nil {
		t.Fatal(err)
	}
	script(t, path, `DROP TABLE goose_db_version;`+string(record)+
		`INSERT INTO manacore_migrations VALUES ('00000_record.sql', 1), ('00001_accounts.sql', 1), ('00003_revocation.sql', 1)`)
}

// numbered runs migrations and enters their numbers as goose does it.
func numbered(t *testing.T, path string, names ...string) {
	t.Helper()
	script(t, path, `CREATE TABLE goose_db_version (
			id INTEGER PRIMARY KEY AUTOINCREMENT,
			version_id INTEGER NOT NULL,
			is_applied INTEGER NOT NULL,
			tstamp TIMESTAMP DEFAULT (datetime('now'))
		);
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1);`)
	for _, name := range names {
		statements, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.Atoi(strings.TrimLeft(name[:5], "0"))
		if err != nil {
			t.Fatal(err)
		}
		script(t, path, string(statements)+fmt.Sprintf(`; INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1);`, number))
	}
}

// list is a query's rows: of one column its text, of several all as Go has
// them. A file that is not there has none.
func list(t *testing.T, path, query string) []string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		if len(values) == 1 {
			lines = append(lines, fmt.Sprint(values[0]))
		} else {
			lines = append(lines, fmt.Sprintf("%#v", values))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// shape is the schema, without the table of the older record.
func shape(t *testing.T, path string) []string {
	t.Helper()
	return list(t, path, `SELECT type, name, tbl_name, sql FROM sqlite_schema
		WHERE name <> 'goose_db_version' AND name NOT LIKE 'sqlite%' ORDER BY type, name`)
}

// digest is that of the file's content, with what lies in its WAL.
func digest(t *testing.T, path string) string {
	t.Helper()
	list(t, path, `SELECT 1`) // the last that closes a file empties its WAL
	return fmt.Sprintf("%x", sha256.Sum256(content(t, path)))
}

// data are the rows of every table in these columns.
func data(t *testing.T, path string, columns map[string]string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for table, names := range columns {
		rows[table] = list(t, path, `SELECT `+names+` FROM `+table+` ORDER BY 1, 2`)
	}
	return rows
}

// columnsOf are those of every table of the database, without the two records.
func columnsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range list(t, path, `SELECT t.name || ' ' || group_concat(c.name, ', ') FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT IN ('goose_db_version', 'manacore_migrations')
		GROUP BY t.name`) {
		table, columns, _ := strings.Cut(line, " ")
		found[table] = columns
	}
	return found
}

// counted are the migrations that ran on a database of commit 0893ee0.
var counted = []string{"00001_accounts.sql", "00002_key_rotation.sql", "00003_revocation.sql", "00004_credits.sql"}

func TestUpgrade(t *testing.T) {
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	at := func(prepare func(t *testing.T, path string)) func(*testing.T) string {
		return func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "test.db")
			prepare(t, path)
			return path
		}
	}
	empty := at(func(*testing.T, string) {})
	storetest.Upgrade(t, storetest.Upgrades{
		Starts: []storetest.UpgradeStart{
			{Name: "empty", Make: empty, Hard: true},
			{Name: "of commit 0893ee0", Make: at(ofCommit0893ee0), Ran: counted, Hard: true},
			{Name: "O28 of commit 1262252^", Make: at(ofCommit1262252Parent), Ran: []string{counted[0], counted[2]}, Hard: true},
			{Name: "O28 with a gap in the record", Make: at(withGap), Ran: []string{migrate.Record, counted[0], counted[2]}},
			{Name: "of goose's first moment", Make: at(func(t *testing.T, path string) { numbered(t, path) })},
		},
		Steps:   all,
		Empty:   empty,
		Open:    func(ctx context.Context, path string) (store.Store, error) { return Open(ctx, path) },
		Pending: Pending,
		Migrate: func(ctx context.Context, path string, wrap func(migrate.Database) migrate.Database) error {
			write, err := pool(path, 1, "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
			if err != nil {
				return err
			}
			defer write.Close()
			return migrate.Run(ctx, wrap(migrating{&Store{write: write}}), all)
		},
		Whole: digest,
		Shape: shape,
		Record: func(t *testing.T, path string) []string {
			return list(t, path, `SELECT name FROM manacore_migrations WHERE applied_at > 0 ORDER BY name`)
		},
		Columns: columnsOf,
		Rows:    data,
		Superseded: func(t *testing.T, path string) {
			// goose's programs refuse a number that they do not know, and a file
			// that has tables and not goose's.
			if list(t, path, `SELECT name FROM sqlite_schema WHERE name = 'goose_db_version'`) == nil {
				return
			}
			if got := list(t, path, `SELECT 1 FROM goose_db_version WHERE version_id > 4 AND is_applied`); len(got) != 1 {
				t.Errorf("an older program would not refuse the database: %q", got)
			}
		},
	})
}

// TestUpgradedStore: the store finds what a program of commit 0893ee0 kept.
func TestUpgradedStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	ofCommit0893ee0(t, path)
	s := open(t, path)
	keys, err := s.SigningKeys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].SignsFrom.IsZero() {
		t.Errorf("keys %+v, %v", keys, err)
	}
	user, err := s.FindUser(t.Context(), "bob@example.com")
	if err != nil || user.DisabledAt.IsZero() || user.Tier != "public" || user.EmailVerified {
		t.Errorf("user %+v, %v", user, err)
	}
}

// TestUpgradeRefused: what is not understood is left as it is, byte for byte.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change string // of an up-to-date database
		old    string // or of one of commit 0893ee0
		other  string // or of one in which goose has just begun
		newer  []string
		want   string
	}{
		{name: "newer", change: `INSERT INTO manacore_migrations VALUES ('00099_mail.sql', 1), ('00098_orgs.sql', 1)`,
			newer: []string{"00098_orgs.sql", "00099_mail.sql"}, want: "does not know 00098_orgs.sql, 00099_mail.sql"},
		{name: "newer, by number", old: `INSERT INTO goose_db_version (version_id, is_applied) VALUES (5, 1)`,
			newer: []string{"number 5"}, want: "does not know number 5"},
		{name: "the record is lost, of an upgraded database", old: `INSERT INTO goose_db_version (version_id, is_applied) VALUES (2147483647, 1)`,
			want: "manacore_migrations is missing"},
		{name: "the record is lost", change: `DROP TABLE manacore_migrations`, want: "tables of another program"},
		{name: "the record is another program's", change: `DROP TABLE manacore_migrations; CREATE TABLE manacore_migrations (id INTEGER)`,
			want: "no such column: name"},
		{name: "the record is empty", change: `DELETE FROM manacore_migrations`, want: "00000_record.sql"},
		{name: "the record lost its first name", change: `DELETE FROM manacore_migrations WHERE name = '00000_record.sql'`, want: "00000_record.sql"},
		{name: "the record lost a name", change: `DELETE FROM manacore_migrations WHERE name = '00003_revocation.sql'`, want: "00003_revocation.sql"},
		{name: "numbers lost", old: `DELETE FROM goose_db_version WHERE version_id > 1`, want: "the tables are those of"},
		{name: "all numbers lost", old: `DELETE FROM goose_db_version`, want: "the tables are those of"},
		{name: "tables lost", old: `DROP TABLE session_revocations`, want: "the tables are those of"},
		{name: "another program's goose", other: `CREATE TABLE posts (id INTEGER); INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1), (20240102030405, 1)`,
			want: "tables of another program"},
		{name: "another program's goose at its first moment", other: `CREATE TABLE posts (id INTEGER)`, want: "tables of another program"},
		{name: "another program's tables", other: `DROP TABLE goose_db_version; CREATE TABLE posts (id INTEGER)`, want: "tables of another program"},
		{name: "an unfinished ledger", old: `DROP TRIGGER credit_transactions_no_replace`, want: "before commit 6ba7b94"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			switch {
			case test.old != "":
				ofCommit0893ee0(t, path)
			case test.other != "":
				numbered(t, path)
			default:
				create(t, path)
			}
			script(t, path, test.change+test.old+test.other)
			before := digest(t, path)
			for range 2 {
				s, err := Open(t.Context(), path)
				if err == nil {
					_ = s.Close()
					t.Fatal("Open succeeded")
				}
				if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("error %q, want %q in it, and the path", err, test.want)
				}
				var newer *store.NewerSchema
				if errors.As(err, &newer) != (test.newer != nil) || newer != nil && !slices.Equal(newer.Names, test.newer) {
					t.Errorf("error %#v, want newer %q", err, test.newer)
				}
			}
			if before != digest(t, path) {
				t.Error("the file has changed")
			}
		})
	}
}

// TestFailedMigration leaves nothing of itself, and keeps those before it.
func TestFailedMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path)
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	before := shape(t, path)
	all = append(all, migrate.Step{Name: "00098_good.sql", SQL: `CREATE TABLE good (x)`},
		migrate.Step{Name: "00099_bad.sql", SQL: `CREATE TABLE half (x); INSERT INTO half VALUES (1); CREATE TABLE users (x)`})
	for range 2 {
		if err := migrate.Run(t.Context(), migrating{s}, all); err == nil || !strings.Contains(err.Error(), "00099_bad.sql") {
			t.Errorf("error %v", err)
		}
	}
	after := shape(t, path)
	if len(after) != len(before)+1 || !slices.ContainsFunc(after, func(line string) bool { return strings.Contains(line, "CREATE TABLE good") }) {
		t.Errorf("schema (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// TestMigrationsWait: a process that finds the file locked by another one waits
// longer than one busy timeout, and no longer than all of them.
func TestMigrationsWait(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	holder := open(t, path)
	held, err := holder.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := held.Rollback(); err != nil {
			t.Error(err)
		}
	}()
	const timeout = 10 * time.Millisecond
	write, err := pool(path, 1, fmt.Sprintf("_pragma=busy_timeout(%d)&_txlock=immediate", timeout.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	start := time.Now()
	err = migrating{&Store{write: write}}.InTx(t.Context(), func(migrate.Tx) error {
		t.Error("two processes migrate at once")
		return nil
	})
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Code() != sqlite3.SQLITE_BUSY {
		t.Errorf("error %v", err)
	}
	if waited := time.Since(start); waited < migrationWaits*timeout/2 {
		t.Errorf("waited %s", waited)
	}
}
