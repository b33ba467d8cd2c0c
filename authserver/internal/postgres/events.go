package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// eventColumns are what eventArgs fills, but for the user.
const eventColumns = `id, event_type, ip_address, user_agent, created_at, user_id`

const eventValues = `@event_id::uuid, @event_type::text, @event_ip::text, @event_agent::text, @event_at::timestamptz`

// eventArgs adds the arguments of eventValues to args. The id is a UUIDv7
// (RFC 9562 section 5.7), which tells the order of events of one millisecond
// that one replica wrote.
func eventArgs(args pgx.NamedArgs, e store.Event) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	args["event_id"], args["event_type"] = id.String(), e.Type
	args["event_ip"], args["event_agent"], args["event_at"] = text(e.IPAddress), text(e.UserAgent), at(e.CreatedAt)
	return nil
}

// SecurityEvents implements store.Events.
func (s *Store) SecurityEvents(ctx context.Context, userID string, limit int) (events []store.Event, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT event_type, ip_address, user_agent, created_at FROM auth.security_events
			WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, userID, limit)
		if err != nil {
			return err
		}
		events, err = pgx.AppendRows(events[:0], rows, func(row pgx.CollectableRow) (store.Event, error) {
			var (
				created   *time.Time
				ip, agent *string
				event     = store.Event{UserID: userID}
			)
			err := row.Scan(&event.Type, &ip, &agent, &created)
			event.IPAddress, event.UserAgent, event.CreatedAt = value(ip), value(agent), instant(created)
			return event, err
		})
		return err
	})
	return events, err
}
