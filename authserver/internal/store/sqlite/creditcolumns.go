package sqlite

import (
	"database/sql"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

const creditAccountColumns = `a.user_id, a.paid, a.free, a.held_paid, a.held_free, a.earned, a.given, a.spent,
	a.entries, a.last_day, a.returned_to, a.created_at, a.updated_at`

// creditAccountRow is where Scan puts creditAccountColumns.
type creditAccountRow struct {
	account                    ledger.Account
	returned, created, updated sql.NullInt64
}

func (r *creditAccountRow) into() []any {
	a := &r.account
	return []any{&a.UserID, &a.Paid, &a.Free, &a.HeldPaid, &a.HeldFree, &a.Earned, &a.Given, &a.Spent,
		&a.Entries, &a.Day, &r.returned, &r.created, &r.updated}
}

func (r *creditAccountRow) get() ledger.Account {
	a := r.account
	a.ReturnedTo, a.CreatedAt, a.UpdatedAt = instant(r.returned), instant(r.created), instant(r.updated)
	return a
}

const transactionColumns = `t.id, t.user_id, t.entry, t.type, t.source, t.amount, t.free, t.balance_before, t.balance_after,
	t.paid_after, t.free_after, t.spent_after, t.app_id, t.description, t.metadata, t.organization_id,
	t.idempotency_key, t.body_hash, t.refund_of, t.reservation_id, t.reference_id, t.created_at`

// transactionRow is where Scan puts transactionColumns.
type transactionRow struct {
	transaction                      ledger.Transaction
	metadata, organization, key      sql.NullString
	refundOf, reservation, reference sql.NullString
	body                             []byte
	created                          sql.NullInt64
}

func (r *transactionRow) into() []any {
	t := &r.transaction
	return []any{&t.ID, &t.UserID, &t.Entry, &t.Type, &t.Source, &t.Amount, &t.Free, &t.Before, &t.After,
		&t.PaidAfter, &t.FreeAfter, &t.SpentAfter, &t.AppID, &t.Description, &r.metadata, &r.organization,
		&r.key, &r.body, &r.refundOf, &r.reservation, &r.reference, &r.created}
}

func (r *transactionRow) get() ledger.Transaction {
	t := r.transaction
	t.Metadata, t.OrganizationID, t.Key = r.metadata.String, r.organization.String, r.key.String
	t.RefundOf, t.ReservationID, t.Reference = r.refundOf.String, r.reservation.String, r.reference.String
	copy(t.Body[:], r.body)
	t.CreatedAt = instant(r.created)
	return t
}

func transactionValues(t ledger.Transaction) []any {
	return []any{t.ID, t.UserID, t.Entry, string(t.Type), string(t.Source), t.Amount, t.Free, t.Before, t.After,
		t.PaidAfter, t.FreeAfter, t.SpentAfter, t.AppID, t.Description, text(t.Metadata), text(t.OrganizationID),
		text(t.Key), hash(t.Body), text(t.RefundOf), text(t.ReservationID), text(t.Reference), millis(t.CreatedAt)}
}

const reservationColumns = `r.id, r.user_id, r.app_id, r.amount, r.free, r.reason, r.organization_id, r.idempotency_key,
	r.body_hash, r.balance, r.created_at, r.expires_at, r.state, r.settled_at, r.charged, r.transaction_id, r.settled_balance`

// reservationRow is where Scan puts reservationColumns.
type reservationRow struct {
	reservation                    ledger.Reservation
	organization, key, transaction sql.NullString
	body                           []byte
	created, expiry, settled       sql.NullInt64
	charged, balance               sql.NullInt64
}

func (r *reservationRow) into() []any {
	v := &r.reservation
	return []any{&v.ID, &v.UserID, &v.AppID, &v.Amount, &v.Free, &v.Reason, &r.organization, &r.key,
		&r.body, &v.Balance, &r.created, &r.expiry, &v.State, &r.settled, &r.charged, &r.transaction, &r.balance}
}

func (r *reservationRow) get() ledger.Reservation {
	v := r.reservation
	v.OrganizationID, v.Key, v.TransactionID = r.organization.String, r.key.String, r.transaction.String
	copy(v.Body[:], r.body)
	v.CreatedAt, v.ExpiresAt, v.SettledAt = instant(r.created), instant(r.expiry), instant(r.settled)
	v.Charged, v.SettledBalance = r.charged.Int64, r.balance.Int64
	return v
}

func reservationValues(v ledger.Reservation) []any {
	return []any{v.ID, v.UserID, v.AppID, v.Amount, v.Free, v.Reason, text(v.OrganizationID), text(v.Key),
		hash(v.Body), v.Balance, millis(v.CreatedAt), millis(v.ExpiresAt), string(v.State),
		millis(v.SettledAt), positive(v.Charged), text(v.TransactionID), settledBalance(v)}
}

func hash(d ledger.Digest) []byte {
	if d == (ledger.Digest{}) {
		return nil
	}
	return d[:]
}

func positive(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: n > 0} }

func settledBalance(v ledger.Reservation) sql.NullInt64 {
	return sql.NullInt64{Int64: v.SettledBalance, Valid: v.State != ledger.Open}
}
