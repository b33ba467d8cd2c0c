package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func addEvent(ctx context.Context, tx *sql.Tx, e store.Event) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO security_events (user_id, event_type, ip_address, user_agent, created_at)
		VALUES (?, ?, ?, ?, ?)`, text(e.UserID), e.Type, text(e.IPAddress), text(e.UserAgent), millis(e.CreatedAt))
	return err
}

// SecurityEvents implements store.Events.
func (s *Store) SecurityEvents(ctx context.Context, userID string, limit int) (events []store.Event, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT event_type, ip_address, user_agent, created_at FROM security_events
		WHERE user_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?`, userID, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			created   sql.NullInt64
			ip, agent sql.NullString
			event     = store.Event{UserID: userID}
		)
		if err := rows.Scan(&event.Type, &ip, &agent, &created); err != nil {
			return nil, err
		}
		event.IPAddress, event.UserAgent, event.CreatedAt = ip.String, agent.String, instant(created)
		events = append(events, event)
	}
	return events, rows.Err()
}
