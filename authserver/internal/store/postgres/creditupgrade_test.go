package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestV10KeysOfBefore: a user's key is found in a database from before the keys
// of users and of apps were apart, and in one of a program that hashed a zero
// byte before the keys of users.
func TestV10KeysOfBefore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		database func(t *testing.T) string
		key      string // what is hashed for the key
	}{
		"of commit 0893ee0": {ofCommit0893ee0, "order-2"},
		"of commit e6f5d6a": {func(t *testing.T) string {
			url := pgtest.New(t)
			openOnce(t, url)
			return url
		}, "\x00order-2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.KeyOfBefore(t, open(t, pgtest.New(t)), func(t *testing.T, u store.User, rows [2]ledger.Transaction) store.Store {
				url, bonus, spend := test.database(t), rows[0], rows[1]
				stamp := bonus.CreatedAt.Format(time.RFC3339Nano)
				pgtest.Exec(t, url, fmt.Sprintf(`INSERT INTO auth.users (id, name, email) VALUES ('%[1]s', '%[2]s', '%[3]s');
					INSERT INTO auth.credit_accounts VALUES ('%[1]s', 0, 140, 0, 0, 0, 150, 10, 2, '%[4]s', '%[4]s', '%[4]s');
					INSERT INTO auth.credit_transactions VALUES ('%[5]s', '%[1]s', 1, 'bonus', 'system', 150, 150, 0, 150, 0, 150, 0,
						'system', 'Signup bonus', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '%[4]s');
					INSERT INTO auth.credit_transactions VALUES ('%[6]s', '%[1]s', 2, 'usage', 'user', -10, -10, 150, 140, 0, 140, 10,
						'%[7]s', '%[8]s', NULL, NULL, '%[9]s', '\x%[10]x', '\x%[11]x', NULL, NULL, NULL, '%[4]s');`,
					u.ID, u.Name, u.Email, stamp, bonus.ID, spend.ID, spend.AppID, spend.Description, spend.Key,
					keyHash(u.ID, spend.AppID, test.key), spend.Body))
				return open(t, url)
			})
		})
	}
}
