package sqlite

import (
	"context"
	"database/sql"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// ChangePassword implements store.Accounts.
func (s *Store) ChangePassword(ctx context.Context, c store.PasswordChange) (ended []string, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		_, credential, err := activeCredential(ctx, tx, `u.id = ?2`, c.UserID)
		if err != nil {
			return err
		}
		if c.Old != "" && c.Old != credential.PasswordHash {
			return store.ErrNotFound
		}
		_, err = tx.ExecContext(ctx, `UPDATE accounts SET password = ?, updated_at = ? WHERE id = ?`,
			c.New, millis(c.Event.CreatedAt), credential.ID)
		if err != nil {
			return err
		}
		ended, err = endAll(ctx, tx, c.UserID, c.Keep, c.Event)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// ChangeUser implements store.Accounts.
func (s *Store) ChangeUser(ctx context.Context, id string, change store.Change, event store.Event) (user store.User, ended []string, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		user, _, err = credentialOf(ctx, tx, `u.id = ?2`, id)
		if err != nil {
			return err
		}
		if user.Deleted() {
			return store.ErrNotFound
		}
		if !change(&user, event.CreatedAt) {
			return nil
		}
		user.UpdatedAt = event.CreatedAt
		_, err = tx.ExecContext(ctx, `UPDATE users SET role = ?, deleted_at = ?, disabled_at = ?, updated_at = ? WHERE id = ?`,
			user.Role, millis(user.DeletedAt), millis(user.DisabledAt), millis(user.UpdatedAt), id)
		if err != nil {
			return err
		}
		ended, err = endAll(ctx, tx, id, "", event)
		return err
	})
	if err != nil {
		return store.User{}, nil, err
	}
	return user, ended, nil
}

// endAll ends all sessions of a user but one and writes the event, whether
// there was any or not.
func endAll(ctx context.Context, tx *sql.Tx, userID, keep string, event store.Event) ([]string, error) {
	ended, _, err := end(ctx, tx, event.CreatedAt, allBut, allButArgs(userID, keep, event.CreatedAt)...)
	if err != nil {
		return nil, err
	}
	event.UserID = userID
	return ended, addEvent(ctx, tx, event)
}
