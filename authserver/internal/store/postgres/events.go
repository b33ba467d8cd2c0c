package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// eventColumns are what eventArgs fills, but for the user.
const eventColumns = `id, event_type, ip_address, user_agent, metadata, created_at, user_id`

const eventValues = `@event_id::uuid, @event_type::text, @event_ip::text, @event_agent::text, @event_metadata::text::jsonb,
	@event_at::timestamptz`

// eventArgs adds the arguments of eventValues to args. The id is a UUIDv7
// (RFC 9562 section 5.7), which tells the order of events of one millisecond
// that one replica wrote.
func eventArgs(args pgx.NamedArgs, e store.Event) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	args["event_id"], args["event_type"] = id.String(), e.Type
	args["event_ip"], args["event_agent"] = text(e.IPAddress), text(e.UserAgent)
	args["event_metadata"], args["event_at"] = text(string(e.Metadata)), at(e.CreatedAt)
	return nil
}

// SecurityEvents implements store.Events.
func (s *Store) SecurityEvents(ctx context.Context, userID string, limit int) (events []store.Event, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id::text, event_type, ip_address, user_agent, metadata::text, created_at FROM auth.security_events
			WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, userID, limit)
		if err != nil {
			return err
		}
		events, err = pgx.AppendRows(events[:0], rows, func(row pgx.CollectableRow) (store.Event, error) {
			var (
				created             *time.Time
				ip, agent, metadata *string
				event               = store.Event{UserID: userID}
			)
			if err := row.Scan(&event.ID, &event.Type, &ip, &agent, &metadata, &created); err != nil {
				return event, err
			}
			event.IPAddress, event.UserAgent, event.CreatedAt = value(ip), value(agent), instant(created)
			if metadata == nil {
				return event, nil
			}
			event.Metadata = jsontext.Value(*metadata)
			return event, event.Metadata.Compact() // jsonb has a spacing of its own
		})
		return err
	})
	return events, err
}
