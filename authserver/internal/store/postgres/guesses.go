package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var (
	addDevice = named(`INSERT INTO auth.known_devices (digest, user_id, session_id, at) VALUES (@digest, @user, @session, @at)
		ON CONFLICT (digest) DO UPDATE SET user_id = excluded.user_id, session_id = excluded.session_id, at = excluded.at`)
	trimDevices = named(`DELETE FROM auth.known_devices WHERE digest IN (
		SELECT digest FROM auth.known_devices WHERE user_id = @user ORDER BY at DESC, digest OFFSET @most)`)
	forgetDevices = named(`DELETE FROM auth.known_devices WHERE session_id = @session`)
)

// AddFailures implements store.Guesses.
func (s *Store) AddFailures(ctx context.Context, failures []store.Failure) error {
	subjects, sources, counts := make([][]byte, len(failures)), make([]int64, len(failures)), make([]int32, len(failures))
	for i, f := range failures {
		subjects[i], sources[i], counts[i] = f.Subject[:], f.Source, int32(min(f.Count, 1<<20))
	}
	return call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `INSERT INTO auth.password_failures (subject, source, count)
			SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::int[])`, subjects, sources, counts)
		return err
	})
}

// Failures implements store.Guesses.
func (s *Store) Failures(ctx context.Context, after int64, limit int) (list []store.Failure, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT seq, subject, source, count, (extract(epoch FROM clock_timestamp() - at) * 1000)::bigint
			FROM auth.password_failures WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows(list[:0], rows, func(row pgx.CollectableRow) (f store.Failure, err error) {
			var subject []byte
			var age int64
			err = row.Scan(&f.Seq, &subject, &f.Source, &f.Count, &age)
			copy(f.Subject[:], subject)
			f.Age = time.Duration(age) * time.Millisecond
			return f, err
		})
		return err
	})
	return list, err
}

// forgetFailures computes the instant once: with clock_timestamp() in the
// condition itself, the index would not be used.
const forgetFailures = `DELETE FROM auth.password_failures WHERE seq = ANY (ARRAY (
	SELECT seq FROM auth.password_failures WHERE at <= (SELECT clock_timestamp() - @age::bigint * interval '1 millisecond')
	LIMIT @limit FOR UPDATE SKIP LOCKED)) RETURNING seq`

// ForgetFailures implements store.Guesses.
func (s *Store) ForgetFailures(ctx context.Context, age time.Duration) error {
	return s.forget(ctx, forgetFailures, pgx.NamedArgs{"age": age.Milliseconds()})
}

// KnownDevice implements store.Guesses.
func (s *Store) KnownDevice(ctx context.Context, device store.Digest) (known bool, err error) {
	err = call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM auth.known_devices WHERE digest = $1)`, device[:]).Scan(&known)
	})
	return known, err
}

// AddDevice implements store.Tx.
func (t *tx) AddDevice(d store.Device) error {
	if err := t.queue(addDevice, pgx.NamedArgs{"digest": d.Digest[:], "user": d.UserID, "session": d.SessionID, "at": at(d.At)}); err != nil {
		return err
	}
	return t.queue(trimDevices, pgx.NamedArgs{"user": d.UserID, "most": store.MaxDevices})
}

// ForgetDevices implements store.Tx.
func (t *tx) ForgetDevices(sessionID string) error {
	return t.queue(forgetDevices, pgx.NamedArgs{"session": sessionID})
}
