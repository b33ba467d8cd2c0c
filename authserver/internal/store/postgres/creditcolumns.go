package postgres

import (
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

const creditAccountColumns = `a.user_id, a.paid, a.free, a.held_paid, a.held_free, a.earned, a.given, a.spent,
	a.entries, a.last_day - DATE '1970-01-01', a.returned_to, a.created_at, a.updated_at`

// creditAccountRow is where Scan puts creditAccountColumns.
type creditAccountRow struct {
	account                    ledger.Account
	returned, created, updated *time.Time
}

func (r *creditAccountRow) into() []any {
	a := &r.account
	return []any{&a.UserID, &a.Paid, &a.Free, &a.HeldPaid, &a.HeldFree, &a.Earned, &a.Given, &a.Spent,
		&a.Entries, (*int32)(&a.Day), &r.returned, &r.created, &r.updated}
}

func (r *creditAccountRow) get() ledger.Account {
	a := r.account
	a.ReturnedTo, a.CreatedAt, a.UpdatedAt = instant(r.returned), instant(r.created), instant(r.updated)
	return a
}

const transactionColumns = `t.id::text, t.user_id, t.entry, t.type, t.source, t.amount, t.free, t.balance_before, t.balance_after,
	t.paid_after, t.free_after, t.spent_after, t.app_id, t.description, t.metadata::text, t.organization_id,
	t.idempotency_key, t.body_hash, t.refund_of::text, t.reservation_id::text, t.reference_id, t.created_at`

// transactionRow is where Scan puts transactionColumns.
type transactionRow struct {
	transaction                      ledger.Transaction
	metadata, organization, key      *string
	refundOf, reservation, reference *string
	body                             []byte
	created                          *time.Time
}

func (r *transactionRow) into() []any {
	t := &r.transaction
	return []any{&t.ID, &t.UserID, &t.Entry, (*string)(&t.Type), (*string)(&t.Source), &t.Amount, &t.Free, &t.Before, &t.After,
		&t.PaidAfter, &t.FreeAfter, &t.SpentAfter, &t.AppID, &t.Description, &r.metadata, &r.organization,
		&r.key, &r.body, &r.refundOf, &r.reservation, &r.reference, &r.created}
}

func (r *transactionRow) get() ledger.Transaction {
	t := r.transaction
	t.Metadata, t.OrganizationID, t.Key = value(r.metadata), value(r.organization), value(r.key)
	t.RefundOf, t.ReservationID, t.Reference = value(r.refundOf), value(r.reservation), value(r.reference)
	copy(t.Body[:], r.body)
	t.CreatedAt = instant(r.created)
	return t
}

const reservationColumns = `r.id::text, r.user_id, r.app_id, r.amount, r.free, r.reason, r.organization_id, r.idempotency_key,
	r.body_hash, r.balance, r.created_at, r.expires_at, r.state, r.settled_at, r.charged, r.transaction_id::text, r.settled_balance`

// reservationRow is where Scan puts reservationColumns.
type reservationRow struct {
	reservation                    ledger.Reservation
	organization, key, transaction *string
	body                           []byte
	created, expiry, settled       *time.Time
	charged, balance               *int64
}

func (r *reservationRow) into() []any {
	v := &r.reservation
	return []any{&v.ID, &v.UserID, &v.AppID, &v.Amount, &v.Free, &v.Reason, &r.organization, &r.key,
		&r.body, &v.Balance, &r.created, &r.expiry, (*string)(&v.State), &r.settled, &r.charged, &r.transaction, &r.balance}
}

func (r *reservationRow) get() ledger.Reservation {
	v := r.reservation
	v.OrganizationID, v.Key, v.TransactionID = value(r.organization), value(r.key), value(r.transaction)
	copy(v.Body[:], r.body)
	v.CreatedAt, v.ExpiresAt, v.SettledAt = instant(r.created), instant(r.expiry), instant(r.settled)
	v.Charged, v.SettledBalance = value(r.charged), value(r.balance)
	return v
}

func hash(d ledger.Digest) []byte {
	if d == (ledger.Digest{}) {
		return nil
	}
	return d[:]
}

// keyHash is what an idempotency key is found by, together with the source of
// the transaction; nil where there is none. Users and apps have no zero byte in
// their ids.
func keyHash(userID, appID, key string) []byte {
	if key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(userID + "\x00" + appID + "\x00" + key))
	return sum[:]
}

// keyHashes are what the rows with these keys may be found by. Rows of users
// that a program of commit e6f5d6a wrote have the hash of a zero byte and the
// key. They stay as they are, because the ledger is append-only.
func keyHashes(keys []ledger.KeyRef) pgtype.FlatArray[[]byte] {
	hashes := column(keys, func(k *ledger.KeyRef) []byte { return keyHash(k.UserID, k.AppID, k.Key) })
	for _, k := range keys {
		if k.Source == ledger.FromUser {
			hashes = append(hashes, keyHash(k.UserID, k.AppID, "\x00"+k.Key))
		}
	}
	return hashes
}
