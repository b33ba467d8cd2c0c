package postgres

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var (
	insertUser = named(`INSERT INTO auth.users (id, email, name, role, access_tier, email_verified, created_at, updated_at, deleted_at, disabled_at)
		VALUES (@id, @email, @name, @role::text::public.user_role, @tier::text::auth.access_tier, @verified, @created, @updated, @deleted, @disabled)`)
	// updateUser leaves out the instant of creation, which stays, and of which
	// rows of the existing service keep more than a store.User does.
	updateUser = named(`UPDATE auth.users SET email = @email, name = @name, role = @role::text::public.user_role,
		access_tier = @tier::text::auth.access_tier, email_verified = @verified, updated_at = @updated, deleted_at = @deleted, disabled_at = @disabled WHERE id = @id`)
	freeEmail        = named(`UPDATE auth.users SET email = 'deleted-' || id || chr(64) || 'deleted.invalid' WHERE email = @email AND deleted_at IS NOT NULL`)
	insertCredential = named(`INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
		VALUES (@id, @user, @provider, @user, @password, @now, @now)`)
	updateCredential = named(`UPDATE auth.accounts SET password = @password, updated_at = @now WHERE id = @id`)
)

// passwordOf is the one password of a user, $1 being the provider: no schema
// keeps rows of the existing service from being two.
const passwordOf = `SELECT a.id, a.password FROM auth.accounts a
	WHERE a.user_id = %s AND a.provider_id = $1 AND a.password <> '' ORDER BY a.id LIMIT 1`

// LockUser implements store.Tx. The lock keeps other changes and logins away
// from the user's row, and not those who only refer to it, such as an event:
// they may hold a session that this transaction is about to end.
func (t *tx) LockUser(id string) (store.User, error) { return t.user(id, `FOR NO KEY UPDATE`) }

// ShareUser implements store.Tx.
func (t *tx) ShareUser(id string) (store.User, error) { return t.user(id, `FOR SHARE`) }

func (t *tx) user(id, lock string) (store.User, error) {
	var row userRow
	if err := t.find(row.into(), `SELECT `+userColumns+` FROM auth.users u WHERE u.id = $1 `+lock, id); err != nil {
		return store.User{}, err
	}
	return row.get(), nil
}

// FreeEmail implements store.Tx.
func (t *tx) FreeEmail(email string) error {
	return t.queue(freeEmail, pgx.NamedArgs{"email": email})
}

// AddUser implements store.Tx.
func (t *tx) AddUser(u store.User) error {
	args := userArgs(u)
	args["created"] = at(u.CreatedAt)
	return t.queue(insertUser, args)
}

// PutUser implements store.Tx.
func (t *tx) PutUser(u store.User) error { return t.replace(updateUser, userArgs(u)) }

func userArgs(u store.User) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": u.ID, "email": u.Email, "name": u.Name, "role": u.Role, "tier": u.Tier, "verified": u.EmailVerified,
		"updated": at(u.UpdatedAt), "deleted": at(u.DeletedAt), "disabled": at(u.DisabledAt),
	}
}

// Credential implements store.Tx. It takes no lock of its own: who changes a
// password has locked its user, and so waits for whoever has locked or shared
// that one.
func (t *tx) Credential(userID string) (c store.Credential, err error) {
	err = t.find([]any{&c.ID, &c.PasswordHash}, fmt.Sprintf(passwordOf, `$2`), credentialProvider, userID)
	return c, err
}

// AddCredential implements store.Tx.
func (t *tx) AddCredential(userID string, c store.Credential, now time.Time) error {
	return t.queue(insertCredential, pgx.NamedArgs{
		"id": c.ID, "user": userID, "provider": credentialProvider, "password": c.PasswordHash, "now": at(now),
	})
}

// PutCredential implements store.Tx.
func (t *tx) PutCredential(c store.Credential, now time.Time) error {
	return t.replace(updateCredential, pgx.NamedArgs{"id": c.ID, "password": c.PasswordHash, "now": at(now)})
}
