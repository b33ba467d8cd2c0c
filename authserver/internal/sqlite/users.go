package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// credentialProvider is the provider_id of a password in accounts.
const credentialProvider = "credential"

// CreateUser implements store.Users.
func (s *Store) CreateUser(ctx context.Context, u store.User, c store.Credential, session store.NewSession, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, role, created_at, updated_at, deleted_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING`,
			u.ID, u.Email, u.Name, u.Role, millis(u.CreatedAt), millis(u.UpdatedAt), millis(u.DeletedAt))
		if err != nil {
			return err
		}
		stored, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if stored == 0 {
			return store.ErrEmailTaken
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			c.ID, u.ID, credentialProvider, u.ID, c.PasswordHash, millis(u.CreatedAt), millis(u.CreatedAt))
		if err != nil {
			return err
		}
		return createSession(ctx, tx, session, event)
	})
}

// CredentialByEmail implements store.Users.
func (s *Store) CredentialByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	var (
		row        userRow
		credential store.Credential
	)
	err := s.read.QueryRowContext(ctx, `SELECT `+userColumns+`, a.id, a.password
		FROM users u JOIN accounts a ON a.user_id = u.id AND a.provider_id = ?
		WHERE u.email = ? AND u.deleted_at IS NULL AND a.password IS NOT NULL`, credentialProvider, email).
		Scan(append(row.into(), &credential.ID, &credential.PasswordHash)...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, store.Credential{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	return row.get(), credential, nil
}
