package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// credentialProvider is the provider_id of a password in accounts.
const credentialProvider = "credential"

// emailUnique is the constraint that keeps an address with one user.
const emailUnique = "users_email_unique"

// UserByEmail implements store.Users.
func (s *Store) UserByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	return s.userAnd(ctx, `u.email = $2`, email)
}

// UserByID implements store.Users.
func (s *Store) UserByID(ctx context.Context, id string) (store.User, store.Credential, error) {
	return s.userAnd(ctx, `u.id = $2`, id)
}

// userAnd is the user that where, a condition on $2, finds, and the password.
func (s *Store) userAnd(ctx context.Context, where, which string) (store.User, store.Credential, error) {
	var (
		row      userRow
		id, hash *string
	)
	err := call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT `+userColumns+`, p.id, p.password
			FROM auth.users u LEFT JOIN LATERAL (`+fmt.Sprintf(passwordOf, `u.id`)+`) p ON true WHERE `+where, credentialProvider, which).
			Scan(append(row.into(), &id, &hash)...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return store.User{}, store.Credential{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	return row.get(), store.Credential{ID: value(id), PasswordHash: value(hash)}, nil
}

// FindUser implements store.Directory.
func (s *Store) FindUser(ctx context.Context, idOrEmail string) (user store.User, err error) {
	err = call(ctx, func(ctx context.Context) error {
		user, err = findUser(ctx, s.pool, `u.id = $1 OR u.email = $1`, idOrEmail)
		return err
	})
	return user, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, statement string, args ...any) pgx.Row
}

func findUser(ctx context.Context, db querier, where, which string) (store.User, error) {
	var row userRow
	err := db.QueryRow(ctx, `SELECT `+userColumns+` FROM auth.users u WHERE `+where, which).Scan(row.into()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.User{}, store.ErrNotFound
	}
	return row.get(), err
}

// ListUsers implements store.Directory.
func (s *Store) ListUsers(ctx context.Context, after string, limit int) (users []store.User, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT `+userColumns+` FROM auth.users u WHERE u.id > $1 ORDER BY u.id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		users, err = pgx.AppendRows(users[:0], rows, func(row pgx.CollectableRow) (store.User, error) {
			var user userRow
			err := row.Scan(user.into()...)
			return user.get(), err
		})
		return err
	})
	return users, err
}
