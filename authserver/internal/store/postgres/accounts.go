package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The changes of a user take two steps: the lock on the user's row first, and
// then, by a statement that sees whatever was committed before the lock was
// given, the change. In one statement, a session that a login stored meanwhile
// would be overlooked and live on.

// lockUser keeps other changes and logins away from the user's row, and not
// those who only refer to it, such as an event: they may hold a session that the
// change is about to end.
const lockUser = `u.id = $1 AND u.deleted_at IS NULL FOR NO KEY UPDATE`

// ChangePassword implements store.Accounts.
func (s *Store) ChangePassword(ctx context.Context, c store.PasswordChange) (ended []string, err error) {
	err = s.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		user, err := findUser(ctx, tx, lockUser, c.UserID)
		if err != nil {
			return err
		}
		if !user.Active() {
			return store.ErrNotFound
		}
		tag, err := tx.Exec(ctx, `UPDATE auth.accounts SET password = @new, updated_at = @now
			WHERE user_id = @user AND provider_id = @provider AND password IS NOT NULL AND (@old = '' OR password = @old)`,
			pgx.NamedArgs{"user": c.UserID, "provider": credentialProvider, "old": c.Old, "new": c.New, "now": at(c.Event.CreatedAt)})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return store.ErrNotFound
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
	err = s.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ended = nil // of an attempt before
		user, err = findUser(ctx, tx, lockUser, id)
		if err != nil || !change(&user, event.CreatedAt) {
			return err
		}
		user.UpdatedAt = event.CreatedAt
		_, err = tx.Exec(ctx, `UPDATE auth.users SET role = $1::text::public.user_role, deleted_at = $2, disabled_at = $3, updated_at = $4 WHERE id = $5`,
			user.Role, at(user.DeletedAt), at(user.DisabledAt), at(user.UpdatedAt), id)
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

// change runs f in a transaction. A server that hangs between two of its
// statements for callTime loses it: what it had locked would be locked for
// everybody, and revocations that appear too late would be overlooked.
func (s *Store) change(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return call(ctx, func(ctx context.Context) error {
		return inTx(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, idleLimit(callTime)); err != nil {
				return err
			}
			return f(ctx, tx)
		})
	})
}

// endAll ends all sessions of a user but one and writes the event, whether
// there was any or not.
func endAll(ctx context.Context, tx pgx.Tx, userID, keep string, event store.Event) ([]string, error) {
	args := allButArgs(userID, keep, event.CreatedAt)
	if err := eventArgs(args, event); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `WITH `+ending(allBut)+`, told AS (
			INSERT INTO auth.security_events (`+eventColumns+`) VALUES (`+eventValues+`, @user)
		)
		SELECT id FROM ended`, args)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]string(nil), rows, pgx.RowTo[string])
}
