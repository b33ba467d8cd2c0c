package authserver

import (
	"context"
	"errors"
	"fmt"
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
// mode 0600. Servers may be running on the database meanwhile. It never
// replaces a file: the error is fs.ErrExist then. With Config.Database.URL it is
// ErrBackupElsewhere. The copy does not hold the key-encryption key, and the
// signing keys in the copy are of no use without it: keep it somewhere else.
func Backup(ctx context.Context, config Config, file string) error {
	cfg, err := config.withDefaults()
	if err != nil {
		return err
	}
	if cfg.Database.URL != "" {
		return ErrBackupElsewhere
	}
	if err := sqlite.Backup(ctx, cfg.Database.SQLitePath, file); err != nil {
		return fmt.Errorf("authserver: backup: %w", err)
	}
	return nil
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
// It changes nothing, and stops at the first part that is not good.
func Check(ctx context.Context, config Config) []Finding {
	cfg, err := config.withDefaults()
	if err != nil {
		return []Finding{{"configuration", "", err}}
	}
	findings := []Finding{{"configuration", database(cfg), nil}, generationFinding(cfg)}
	pending, err := pendingMigrations(ctx, cfg)
	var newer *store.NewerSchema
	switch {
	case errors.As(err, &newer):
		return append(findings, Finding{"database", "answers", nil}, Finding{"schema", "", err})
	case err != nil:
		return append(findings, Finding{"database", "", err})
	}
	there, err := exists(cfg)
	if err != nil {
		return append(findings, Finding{"database", "", err})
	}
	if !there {
		return append(findings, Finding{"database", "not there yet: serve makes it", nil})
	}
	if cfg.Database.URL == "" {
		if err := sqlite.Whole(ctx, cfg.Database.SQLitePath); err != nil {
			return append(findings, Finding{"database", "", err})
		}
	}
	findings = append(findings, Finding{"database", "answers", nil})
	if len(pending) > 0 {
		// Keys are looked at by the statements of the schema that is to come.
		return append(findings, Finding{"schema", fmt.Sprintf("%d migrations to run: migrate or serve runs them", len(pending)), nil})
	}
	findings = append(findings, Finding{"schema", "up to date", nil})
	return append(findings, checkRows(ctx, cfg)...)
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
func checkRows(ctx context.Context, cfg Config) []Finding {
	db, err := openStore(ctx, cfg)
	if err != nil {
		return []Finding{{"database", "", err}}
	}
	detail, err := checkKeys(ctx, cfg, db)
	findings := []Finding{{"keys", detail, err}}
	if err == nil {
		var books ledger.Audited
		books, err = ledger.AuditAll(ctx, db.Ledger())
		findings = append(findings, Finding{"credits", fmt.Sprintf("%d accounts, %d transactions", books.Accounts, books.Transactions), err})
	}
	if err := db.Close(); err != nil {
		findings = append(findings, Finding{"database", "", err})
	}
	return findings
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
