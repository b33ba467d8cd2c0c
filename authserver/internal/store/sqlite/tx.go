package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// tx is a store.Tx. It holds the write lock, and so nothing needs a lock of its
// own.
type tx struct {
	ctx context.Context // of the call that the transaction is
	sql *sql.Tx
	// failed is the first error of the database. The transaction is lost with
	// it, whatever becomes of the error.
	failed error
}

// Tx implements store.Store. No transaction loses against another: they come one
// after the other.
func (s *Store) Tx(ctx context.Context, f func(store.Tx) error) error {
	return s.inTx(ctx, func(begun *sql.Tx) error {
		t := &tx{ctx: ctx, sql: begun}
		if err := f(t); err != nil {
			return err
		}
		return t.failed
	})
}

// note remembers an error of the database.
func (t *tx) note(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// exec runs a statement and says how many rows it changed.
func (t *tx) exec(query string, args ...any) (changed int64, err error) {
	result, err := t.sql.ExecContext(t.ctx, query, args...)
	if err == nil {
		changed, err = result.RowsAffected()
	}
	return changed, t.note(err)
}

// replace runs a statement that has to find its row. ErrNotFound where it does
// not.
func (t *tx) replace(query string, args ...any) error {
	changed, err := t.exec(query, args...)
	if err == nil && changed == 0 {
		err = t.note(store.ErrNotFound)
	}
	return err
}

// find runs a query for one row. ErrNotFound where there is none.
func (t *tx) find(into []any, query string, args ...any) error {
	err := t.sql.QueryRowContext(t.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return t.note(err)
}

// LockUser implements store.Tx.
func (t *tx) LockUser(id string) (store.User, error) {
	var row userRow
	if err := t.find(row.into(), `SELECT `+userColumns+` FROM users u WHERE u.id = ?`, id); err != nil {
		return store.User{}, err
	}
	return row.get(), nil
}

// ShareUser implements store.Tx.
func (t *tx) ShareUser(id string) (store.User, error) { return t.LockUser(id) }

// FreeEmail implements store.Tx.
func (t *tx) FreeEmail(email string) error {
	_, err := t.exec(`UPDATE users SET email = 'deleted-' || id || '@deleted.invalid' WHERE email = ? AND deleted_at IS NOT NULL`, email)
	return err
}

// AddUser implements store.Tx.
func (t *tx) AddUser(u store.User) error {
	stored, err := t.exec(`INSERT INTO users (id, email, name, role, access_tier, email_verified, created_at, updated_at, deleted_at, disabled_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING`,
		u.ID, u.Email, u.Name, u.Role, u.Tier, u.EmailVerified, millis(u.CreatedAt), millis(u.UpdatedAt), millis(u.DeletedAt), millis(u.DisabledAt))
	if err == nil && stored == 0 {
		err = t.note(store.ErrEmailTaken)
	}
	return err
}

// PutUser implements store.Tx. The instant of creation stays.
func (t *tx) PutUser(u store.User) error {
	var taken bool
	err := t.find([]any{&taken}, `SELECT EXISTS (SELECT 1 FROM users WHERE email = ? AND id <> ?)`, u.Email, u.ID)
	if err != nil {
		return err
	}
	if taken {
		return t.note(store.ErrEmailTaken)
	}
	return t.replace(`UPDATE users SET email = ?, name = ?, role = ?, access_tier = ?, email_verified = ?,
			updated_at = ?, deleted_at = ?, disabled_at = ? WHERE id = ?`,
		u.Email, u.Name, u.Role, u.Tier, u.EmailVerified, millis(u.UpdatedAt), millis(u.DeletedAt), millis(u.DisabledAt), u.ID)
}

// Credential implements store.Tx.
func (t *tx) Credential(userID string) (c store.Credential, err error) {
	err = t.find([]any{&c.ID, &c.PasswordHash}, `SELECT a.id, a.password FROM accounts a
		WHERE a.user_id = ? AND a.provider_id = ? AND a.password <> ''`, userID, credentialProvider)
	return c, err
}

// AddCredential implements store.Tx.
func (t *tx) AddCredential(userID string, c store.Credential, at time.Time) error {
	_, err := t.exec(`INSERT INTO accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, c.ID, userID, credentialProvider, userID, c.PasswordHash, millis(at), millis(at))
	return err
}

// PutCredential implements store.Tx.
func (t *tx) PutCredential(c store.Credential, at time.Time) error {
	return t.replace(`UPDATE accounts SET password = ?, updated_at = ? WHERE id = ?`, c.PasswordHash, millis(at), c.ID)
}

// AddEvent implements store.Tx.
func (t *tx) AddEvent(e store.Event) error { return t.note(addEvent(t.ctx, t.sql, e)) }

// LockKeys implements store.Tx.
func (t *tx) LockKeys() ([]store.Key, error) {
	keys, err := signingKeys(t.ctx, t.sql)
	return keys, t.note(err)
}

// PutKey implements store.Tx.
func (t *tx) PutKey(k store.Key) error {
	_, err := t.exec(`INSERT OR REPLACE INTO jwks (id, public_key, private_key, created_at, signs_from, token_ttl, retired_at, verifies_until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, k.ID, k.PublicKey, k.PrivateKey, millis(k.CreatedAt),
		millis(k.SignsFrom), k.TokenTTL.Milliseconds(), millis(k.RetiredAt), millis(k.VerifiesUntil))
	return err
}

// DropKey implements store.Tx.
func (t *tx) DropKey(id string) error {
	_, err := t.exec(`DELETE FROM jwks WHERE id = ?`, id)
	return err
}
