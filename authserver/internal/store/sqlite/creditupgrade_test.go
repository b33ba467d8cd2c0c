package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
)

// TestV10KeysOfBefore: a user's key is found in a database from before the keys
// of users and of apps were apart.
func TestV10KeysOfBefore(t *testing.T) {
	t.Parallel()
	fresh := open(t, filepath.Join(t.TempDir(), "fresh.db"))
	storetest.KeyOfBefore(t, fresh, func(t *testing.T, u store.User, rows [2]ledger.Transaction) store.Store {
		path, bonus, spend := filepath.Join(t.TempDir(), "test.db"), rows[0], rows[1]
		ofCommit0893ee0(t, path)
		script(t, path, fmt.Sprintf(`INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('%[1]s', '%[2]s', '%[3]s', %[4]d, %[4]d);
			INSERT INTO credit_accounts VALUES ('%[1]s', 0, 140, 0, 0, 0, 150, 10, 2, %[5]d, %[4]d, %[4]d);
			INSERT INTO credit_transactions VALUES ('%[6]s', '%[1]s', 1, 'bonus', 'system', 150, 150, 0, 150, 0, 150, 0,
				'system', 'Signup bonus', NULL, NULL, NULL, NULL, NULL, NULL, NULL, %[4]d);
			INSERT INTO credit_transactions VALUES ('%[7]s', '%[1]s', 2, 'usage', 'user', -10, -10, 150, 140, 0, 140, 10,
				'%[8]s', '%[9]s', NULL, NULL, '%[10]s', X'%[11]x', NULL, NULL, NULL, %[4]d);`,
			u.ID, u.Name, u.Email, bonus.CreatedAt.UnixMilli(), ledger.DayOf(bonus.CreatedAt), bonus.ID, spend.ID,
			spend.AppID, spend.Description, spend.Key, spend.Body))
		return open(t, path)
	})
}
