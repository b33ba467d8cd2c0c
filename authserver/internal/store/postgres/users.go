package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// credentialProvider is the provider_id of a password in accounts.
const credentialProvider = "credential"

// emailUnique is the constraint that keeps an address with one user.
const emailUnique = "users_email_unique"

// newUser is a user, the owner of what else the statement stores, and the
// password.
const newUser = `owner AS (
		INSERT INTO auth.users (id, email, name, role, created_at, updated_at, deleted_at, disabled_at)
		VALUES (@owner, @email, @name, @role::public.user_role, @user_created, @user_updated, @user_deleted, @user_disabled)
		RETURNING id
	), new_account AS (
		INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
		VALUES (@account, @owner, @provider, @owner, @user_password, @user_created, @user_created)
	)`

func newUserArgs(u store.User, c store.Credential) pgx.NamedArgs {
	return pgx.NamedArgs{
		"owner": u.ID, "email": u.Email, "name": u.Name, "role": u.Role,
		"user_created": at(u.CreatedAt), "user_updated": at(u.UpdatedAt), "user_deleted": at(u.DeletedAt), "user_disabled": at(u.DisabledAt),
		"account": c.ID, "provider": credentialProvider, "user_password": c.PasswordHash,
	}
}

// CreateUser implements store.Users.
func (s *Store) CreateUser(ctx context.Context, u store.User, c store.Credential, session store.NewSession, event store.Event) error {
	args, err := openSessionArgs(session, event)
	if err != nil {
		return err
	}
	maps.Copy(args, newUserArgs(u, c))
	return s.addUser(ctx, `WITH `+newUser+`, `+openSession, args)
}

// AddUser implements store.Directory.
func (s *Store) AddUser(ctx context.Context, u store.User, c store.Credential, event store.Event) error {
	args := newUserArgs(u, c)
	if err := eventArgs(args, event); err != nil {
		return err
	}
	return s.addUser(ctx, `WITH `+newUser+` INSERT INTO auth.security_events (`+eventColumns+`) SELECT `+eventValues+`, id FROM owner`, args)
}

func (s *Store) addUser(ctx context.Context, statement string, args pgx.NamedArgs) error {
	err := call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, statement, args)
		return err
	})
	if violates(err, emailUnique) {
		return store.ErrEmailTaken
	}
	return err
}

// CredentialByEmail implements store.Users.
func (s *Store) CredentialByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	return s.credential(ctx, `u.email = $2`, email)
}

// Credential implements store.Accounts.
func (s *Store) Credential(ctx context.Context, userID string) (store.User, store.Credential, error) {
	return s.credential(ctx, `u.id = $2`, userID)
}

// credential is the active user that where, a condition on $2, finds, and the
// password.
func (s *Store) credential(ctx context.Context, where, which string) (store.User, store.Credential, error) {
	var (
		row        userRow
		credential store.Credential
	)
	err := call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT `+userColumns+`, a.id, a.password
			FROM auth.users u JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = $1
			WHERE `+where+` AND u.deleted_at IS NULL AND u.disabled_at IS NULL AND a.password IS NOT NULL`, credentialProvider, which).
			Scan(append(row.into(), &credential.ID, &credential.PasswordHash)...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return store.User{}, store.Credential{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	return row.get(), credential, nil
}

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
