package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func addEvent(ctx context.Context, tx *sql.Tx, e store.Event) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO security_events (user_id, event_type, ip_address, user_agent, metadata, created_at)
		VALUES (?, ?, ?, ?, ?, ?)`, text(e.UserID), e.Type, text(e.IPAddress), text(e.UserAgent), text(string(e.Metadata)), millis(e.CreatedAt))
	return err
}

// SecurityEvents implements store.Events.
func (s *Store) SecurityEvents(ctx context.Context, userID string, limit int) (events []store.Event, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, event_type, ip_address, user_agent, metadata, created_at FROM security_events
		WHERE user_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?`, userID, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (store.Event, error) {
		var (
			created             sql.NullInt64
			ip, agent, metadata sql.NullString
			event               = store.Event{UserID: userID}
		)
		err := rows.Scan(&event.ID, &event.Type, &ip, &agent, &metadata, &created)
		event.IPAddress, event.UserAgent, event.CreatedAt = ip.String, agent.String, instant(created)
		if metadata.Valid {
			event.Metadata = jsontext.Value(metadata.String)
		}
		return event, err
	})
}

// collect reads rows to their end.
func collect[T any](rows *sql.Rows, scan func() (T, error)) (list []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan()
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}
