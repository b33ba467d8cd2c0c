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
		if err := addUser(ctx, tx, u, c); err != nil {
			return err
		}
		return createSession(ctx, tx, session, event)
	})
}

// AddUser implements store.Directory.
func (s *Store) AddUser(ctx context.Context, u store.User, c store.Credential, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := addUser(ctx, tx, u, c); err != nil {
			return err
		}
		return addEvent(ctx, tx, event)
	})
}

func addUser(ctx context.Context, tx *sql.Tx, u store.User, c store.Credential) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, role, created_at, updated_at, deleted_at, disabled_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING`,
		u.ID, u.Email, u.Name, u.Role, millis(u.CreatedAt), millis(u.UpdatedAt), millis(u.DeletedAt), millis(u.DisabledAt))
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
	return err
}

// CredentialByEmail implements store.Users.
func (s *Store) CredentialByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	return activeCredential(ctx, s.read, `u.email = ?2`, email)
}

// Credential implements store.Accounts.
func (s *Store) Credential(ctx context.Context, userID string) (store.User, store.Credential, error) {
	return activeCredential(ctx, s.read, `u.id = ?2`, userID)
}

// UserByEmail implements store.Users.
func (s *Store) UserByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	return credentialOf(ctx, s.read, `u.email = ?2`, email)
}

// UserByID implements store.Users.
func (s *Store) UserByID(ctx context.Context, id string) (store.User, store.Credential, error) {
	return credentialOf(ctx, s.read, `u.id = ?2`, id)
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// activeCredential is the user and the password that where, a condition on ?2,
// finds. ErrNotFound also where there is no password.
func activeCredential(ctx context.Context, db querier, where string, which any) (store.User, store.Credential, error) {
	user, credential, err := credentialOf(ctx, db, where, which)
	if err == nil && (!user.Active() || credential.PasswordHash == "") {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	return user, credential, nil
}

// credentialOf is the user that where finds, with the password if there is
// one.
func credentialOf(ctx context.Context, db querier, where string, which any) (store.User, store.Credential, error) {
	var (
		row      userRow
		id, hash sql.NullString
	)
	err := db.QueryRowContext(ctx, `SELECT `+userColumns+`, a.id, a.password
		FROM users u LEFT JOIN accounts a ON a.user_id = u.id AND a.provider_id = ?1 AND a.password <> ''
		WHERE `+where, credentialProvider, which).
		Scan(append(row.into(), &id, &hash)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	return row.get(), store.Credential{ID: id.String, PasswordHash: hash.String}, nil
}

// FindUser implements store.Directory.
func (s *Store) FindUser(ctx context.Context, idOrEmail string) (store.User, error) {
	user, _, err := credentialOf(ctx, s.read, `u.id = ?2 OR u.email = ?2`, idOrEmail)
	return user, err
}

// ListUsers implements store.Directory.
func (s *Store) ListUsers(ctx context.Context, after string, limit int) ([]store.User, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (store.User, error) {
		var row userRow
		err := rows.Scan(row.into()...)
		return row.get(), err
	})
}
