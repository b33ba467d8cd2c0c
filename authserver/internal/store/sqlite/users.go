package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// credentialProvider is the provider_id of a password in accounts.
const credentialProvider = "credential"

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
