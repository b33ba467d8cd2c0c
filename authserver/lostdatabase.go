package authserver

import (
	"fmt"
	"os"
)

// keyFile is where the key-encryption key of a SQLite database is, if the
// configuration has none.
func keyFile(cfg Config) string { return cfg.Database.SQLitePath + ".key" }

// checkMissing refuses a SQLite file that is missing or empty beside an existing
// key file. The first start makes the key after the database, so the data was lost
// or is not mounted. A new database in its place would answer 401 for every
// session, and clients would forget theirs.
func checkMissing(cfg Config) error {
	if cfg.Database.URL != "" || len(cfg.Keys.EncryptionKey) > 0 {
		return nil
	}
	if info, err := os.Stat(cfg.Database.SQLitePath); err == nil && info.Size() > 0 {
		return nil
	}
	if _, err := os.Stat(keyFile(cfg)); err != nil {
		return nil //nolint:nilerr // without a key file there was no database
	}
	return fmt.Errorf("the database %s is missing or empty, but its key file %s is there: restore the database from a backup, mount its volume or correct SQLITE_PATH; to begin with a new database, move the key file away",
		cfg.Database.SQLitePath, keyFile(cfg))
}
