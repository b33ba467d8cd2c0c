package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var (
	upsertKey = named(`INSERT INTO auth.signing_keys
			(id, public_key, private_key, created_at, signs_from, token_ttl, retired_at, verifies_until)
		VALUES (@id, @public, @private, @created, @signs, @ttl, @retired, @verifies)
		ON CONFLICT (id) DO UPDATE SET public_key = @public, private_key = @private, created_at = @created,
			signs_from = @signs, token_ttl = @ttl, retired_at = @retired, verifies_until = @verifies`)
	deleteKey = named(`DELETE FROM auth.signing_keys WHERE id = @id`)
)

// LockKeys implements store.Tx. Whoever has locked the row of the schema's
// version decides about the keys. They are read by a statement of their own,
// which sees what was committed before the lock was given.
func (t *tx) LockKeys() (keys []store.Key, err error) {
	t.queued.Queue(`SELECT 1 FROM auth.manacore_schema FOR UPDATE`)
	t.queued.Queue(listKeys).Query(func(rows pgx.Rows) (err error) {
		keys, err = collectKeys(rows)
		return err
	})
	if err := t.send(); err != nil {
		return nil, err
	}
	return keys, nil
}

// PutKey implements store.Tx.
func (t *tx) PutKey(k store.Key) error {
	return t.queue(upsertKey, pgx.NamedArgs{
		"id": k.ID, "public": k.PublicKey, "private": k.PrivateKey, "created": at(k.CreatedAt),
		"signs": at(k.SignsFrom), "ttl": k.TokenTTL.Milliseconds(), "retired": at(k.RetiredAt), "verifies": at(k.VerifiesUntil),
	})
}

// DropKey implements store.Tx.
func (t *tx) DropKey(id string) error { return t.queue(deleteKey, pgx.NamedArgs{"id": id}) }
