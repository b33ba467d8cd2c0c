package authserver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/postgres"
	"github.com/manacore/manacore-go/authserver/internal/store/sqlite"
)

// PendingMigrations lists the migrations that opening the database would run, in
// their order. It changes nothing and does not make a database.
func PendingMigrations(ctx context.Context, config Config) ([]string, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	names, err := pendingMigrations(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	return names, nil
}

func pendingMigrations(ctx context.Context, cfg Config) ([]string, error) {
	if err := checkMissing(cfg); err != nil {
		return nil, err
	}
	if cfg.Database.URL != "" {
		return postgres.Pending(ctx, cfg.Database.URL)
	}
	return sqlite.Pending(ctx, cfg.Database.SQLitePath)
}

// Migrate brings the database's schema up to date, as Open does, makes the
// database where there is none, and returns the names of the migrations that
// it found to be run. Servers may be running on the database meanwhile.
func Migrate(ctx context.Context, config Config) ([]string, error) {
	names, err := PendingMigrations(ctx, config)
	if err != nil {
		return nil, err
	}
	admin, err := OpenAdmin(ctx, config)
	if err != nil {
		return nil, err
	}
	return names, admin.Close()
}

// ErrBackupElsewhere means that the database is in PostgreSQL, which has its own
// programs for backups, such as pg_dump.
var ErrBackupElsewhere = errors.New("authserver: a PostgreSQL database is backed up with pg_dump or a base backup")

// Backup writes a consistent copy of the SQLite database to a new file with
// mode 0600, and reads it back. Servers may be running on the database meanwhile.
// It never replaces a file: the error is fs.ErrExist then. With
// Config.Database.URL it is ErrBackupElsewhere. The copy does not hold the
// key-encryption key, and the signing keys in the copy are of no use without it:
// keep it somewhere else. Once a second it tells progress, unless that is nil, of
// the pages of the copy that are written ("backup"), and then how many are being
// read back ("copy").
func Backup(ctx context.Context, config Config, file string, progress func(Progress)) error {
	cfg, err := config.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Database.URL != "" {
		return ErrBackupElsewhere
	}
	written := tellPages(progress, "backup")
	if err := sqlite.Backup(ctx, cfg.Database.SQLitePath, file, written, tellPages(progress, "copy")); err != nil {
		return fmt.Errorf("authserver: backup: %w", err)
	}
	return nil
}

// tellPages tells progress of pages of a SQLite file.
func tellPages(progress func(Progress), part string) func(done, total int64) {
	return func(done, total int64) { tell(progress, Progress{Part: part, Done: done, Total: total, Unit: "pages"}) }
}

// Finding is what Check found out about one part.
type Finding struct {
	Part   string // "configuration", "wire", "database", "schema", "keys", "credits"
	Detail string // for a reader; no secret is in it
	Err    error  // nil: the part is good; else what is wrong and what to do
}

// Check looks at the configuration, the database, of a SQLite file each page,
// its schema, whether the key-encryption key opens the signing keys, and whether
// the books of the credit ledger balance, for which it reads every transaction.
// It changes nothing, yields each finding as soon as it is known, and stops at the
// first part that is not good. It tells progress, unless that is nil, of the pages
// ("database") and the transactions ("credits").
func Check(ctx context.Context, config Config, progress func(Progress)) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		cfg, err := config.withDefaults()
		if err != nil {
			yield(Finding{"configuration", "", err})
			return
		}
		// found says whether the next part is to be looked at.
		found := func(f Finding) bool { return yield(f) && f.Err == nil }
		if found(Finding{"configuration", database(cfg), nil}) && found(generationFinding(cfg)) &&
			checkSchema(ctx, cfg, progress, found) {
			checkRows(ctx, cfg, progress, found)
		}
	}
}

// checkSchema looks at the database and its schema, and says whether what is in
// it can be looked at: keys are read by the statements of the newest schema.
func checkSchema(ctx context.Context, cfg Config, progress func(Progress), found func(Finding) bool) bool {
	pending, err := pendingMigrations(ctx, cfg)
	if _, ok := errors.AsType[*store.NewerSchema](err); ok {
		_ = found(Finding{"database", "answers", nil}) && found(Finding{"schema", "", err})
		return false
	}
	there := false
	if err == nil {
		there, err = exists(cfg)
	}
	if err == nil && there && cfg.Database.URL == "" {
		err = sqlite.Whole(ctx, cfg.Database.SQLitePath, tellPages(progress, "database"))
	}
	switch {
	case err != nil:
		return found(Finding{"database", "", err})
	case !there:
		found(Finding{"database", "not there yet: serve makes it", nil})
		return false
	case !found(Finding{"database", "answers", nil}):
		return false
	case len(pending) > 0:
		found(Finding{"schema", fmt.Sprintf("%d migrations to run: migrate or serve runs them", len(pending)), nil})
		return false
	}
	return found(Finding{"schema", "up to date", nil})
}

// database names the database, without a secret.
func database(cfg Config) string {
	if cfg.Database.URL == "" {
		return "the SQLite file " + cfg.Database.SQLitePath
	}
	return postgres.Place(cfg.Database.URL)
}

// exists says whether there is a database, or where it could not be made why.
func exists(cfg Config) (bool, error) {
	if cfg.Database.URL != "" {
		return true, nil
	}
	if info, err := os.Stat(cfg.Database.SQLitePath); err == nil && info.Size() > 0 {
		return true, nil
	}
	if _, err := os.Stat(filepath.Dir(cfg.Database.SQLitePath)); err != nil {
		return false, fmt.Errorf("%s cannot be made; make its folder first, or name another file: %w", cfg.Database.SQLitePath, err)
	}
	return false, nil
}

// checkRows looks at what is in a database whose schema is up to date.
func checkRows(ctx context.Context, cfg Config, progress func(Progress), found func(Finding) bool) {
	db, err := openStore(ctx, cfg)
	if err != nil {
		found(Finding{"database", "", err})
		return
	}
	detail, err := checkKeys(ctx, cfg, db)
	more := found(Finding{"keys", detail, err})
	if more {
		var books ledger.Audited
		books, err = ledger.AuditAll(ctx, db.Ledger(), func(read ledger.Audited) {
			tell(progress, Progress{Part: "credits", Done: read.Transactions, Unit: "transactions"})
		})
		more = found(Finding{"credits", fmt.Sprintf("%d accounts, %d transactions", books.Accounts, books.Transactions), err})
	}
	if err := db.Close(); err != nil && more {
		found(Finding{"database", "", err})
	}
}

func checkKeys(ctx context.Context, cfg Config, db keys.Store) (detail string, err error) {
	count, from, err := keys.NewOperator(keysConfig(cfg, db, nil)).Check(ctx)
	switch {
	case err != nil:
		return "", err
	case count == 0:
		return "none yet: serve makes the first", nil
	}
	return fmt.Sprintf("%d, opened with the key-encryption key from %s", count, from), nil
}
