package sqlite

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// databaseNow is the database's instant, in milliseconds since the Unix epoch.
const databaseNow = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

// AddFailures implements store.Guesses.
func (s *Store) AddFailures(ctx context.Context, failures []store.Failure) error {
	t, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // no error that matters once it is committed
	for _, f := range failures {
		if _, err := t.ExecContext(ctx, `INSERT INTO password_failures (subject, source, count, at) VALUES (?, ?, ?, `+databaseNow+`)`,
			f.Subject[:], f.Source, f.Count); err != nil {
			return err
		}
	}
	return t.Commit()
}

// Failures implements store.Guesses.
func (s *Store) Failures(ctx context.Context, after int64, limit int) ([]store.Failure, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, subject, source, count, `+databaseNow+` - at FROM password_failures
		WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (f store.Failure, err error) {
		var subject []byte
		var age int64
		err = rows.Scan(&f.Seq, &subject, &f.Source, &f.Count, &age)
		copy(f.Subject[:], subject)
		f.Age = time.Duration(age) * time.Millisecond
		return f, err
	})
}

// ForgetFailures implements store.Guesses.
func (s *Store) ForgetFailures(ctx context.Context, age time.Duration) error {
	return s.forget(ctx, `DELETE FROM password_failures WHERE seq IN (
		SELECT seq FROM password_failures WHERE at <= `+databaseNow+` - ? LIMIT ?)`, age.Milliseconds())
}

// KnownDevice implements store.Guesses.
func (s *Store) KnownDevice(ctx context.Context, device store.Digest) (known bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM known_devices WHERE digest = ?)`, device[:]).Scan(&known)
	return known, err
}

// AddDevice implements store.Tx.
func (t *tx) AddDevice(d store.Device) error {
	if _, err := t.exec(`INSERT INTO known_devices (digest, user_id, session_id, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (digest) DO UPDATE SET user_id = excluded.user_id, session_id = excluded.session_id, at = excluded.at`,
		d.Digest[:], d.UserID, d.SessionID, millis(d.At)); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM known_devices WHERE digest IN (
		SELECT digest FROM known_devices WHERE user_id = ? ORDER BY at DESC, digest LIMIT -1 OFFSET ?)`, d.UserID, store.MaxDevices)
	return err
}

// ForgetDevices implements store.Tx.
func (t *tx) ForgetDevices(sessionID string) error {
	_, err := t.exec(`DELETE FROM known_devices WHERE session_id = ?`, sessionID)
	return err
}
