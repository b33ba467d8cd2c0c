package postgres

import (
	"context"
	"errors"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// credentialProvider is the provider_id of a password in accounts.
const credentialProvider = "credential"

// emailUnique is the constraint that keeps an address with one user.
const emailUnique = "users_email_unique"

const createUser = `WITH new_user AS (
		INSERT INTO auth.users (id, email, name, role, created_at, updated_at, deleted_at)
		VALUES (@owner, @email, @name, @role::public.user_role, @user_created, @user_updated, @user_deleted)
	), new_account AS (
		INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
		VALUES (@account, @owner, @provider, @owner, @password, @user_created, @user_created)
	), ` + openSession

// CreateUser implements store.Users.
func (s *Store) CreateUser(ctx context.Context, u store.User, c store.Credential, session store.NewSession, event store.Event) error {
	args, err := openSessionArgs(session, event)
	if err != nil {
		return err
	}
	maps.Copy(args, pgx.NamedArgs{
		"owner": u.ID, "email": u.Email, "name": u.Name, "role": u.Role,
		"user_created": at(u.CreatedAt), "user_updated": at(u.UpdatedAt), "user_deleted": at(u.DeletedAt),
		"account": c.ID, "provider": credentialProvider, "password": c.PasswordHash,
	})
	err = call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, createUser, args)
		return err
	})
	if violates(err, emailUnique) {
		return store.ErrEmailTaken
	}
	return err
}

// CredentialByEmail implements store.Users.
func (s *Store) CredentialByEmail(ctx context.Context, email string) (store.User, store.Credential, error) {
	var (
		row        userRow
		credential store.Credential
	)
	err := call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT `+userColumns+`, a.id, a.password
			FROM auth.users u JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = $1
			WHERE u.email = $2 AND u.deleted_at IS NULL AND a.password IS NOT NULL`, credentialProvider, email).
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
