package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// Config is what a Ledger is made of.
type Config struct {
	Store  Store
	Policy Policy
	Now    func() time.Time
	Random io.Reader // of ids; safe for concurrent use
	Log    *slog.Logger
	// Lanes is how many transactions run at once, each for the accounts
	// that fall to it. Zero: 1.
	Lanes int
}

// Ledger runs operations and answers questions. It is safe for concurrent use.
type Ledger struct {
	config Config
	seed   maphash.Seed
	group  *groupcommit.Group[Op, Result]
}

// New starts a ledger over a store, which has to stay open until Close.
func New(config Config) *Ledger {
	l := &Ledger{config: config, seed: maphash.MakeSeed()}
	l.group = groupcommit.New(groupcommit.Config[Op, Result]{
		Run: l.execute, Lanes: config.Lanes, Logger: config.Log,
	})
	return l
}

// Close lets the operations that wait end, and refuses every other one.
func (l *Ledger) Close() { l.group.Close() }

func (l *Ledger) now() time.Time { return l.config.Now() }

func (l *Ledger) newID() (string, error) {
	id, err := uuid.NewV7FromReader(l.config.Random) // RFC 9562 section 5.7
	if err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return id.String(), nil
}

// Do runs an operation. Its error is a refusal, one of groupcommit, that of
// ctx, or one of the database. After the last, and after ErrUnderWay of
// groupcommit, it is not certain whether the operation had its effect: who sent
// a key may simply send it again.
func (l *Ledger) Do(ctx context.Context, op Op) (Result, error) {
	var err error
	if op.body, err = op.digest(); err != nil {
		return Result{}, err
	}
	// By the account, so that its operations are judged in the order of their
	// arrival. Where that is not yet known, the reservation stands in: two
	// that wait on one account together have no order that anyone could know.
	who := cmp.Or(op.UserID, op.ReservationID)
	return l.group.Do(ctx, maphash.String(l.seed, who), op)
}

// Balance answers the account of a user, after what was due to it. Of a
// deleted user it is what was left.
func (l *Ledger) Balance(ctx context.Context, userID string) (Account, error) {
	now := l.now()
	a, found, due, err := l.config.Store.Account(ctx, userID, now)
	if err != nil {
		return Account{}, err
	}
	if found && !due && DayOf(now) <= a.Day {
		return a, nil
	}
	r, err := l.Do(ctx, Op{Kind: Touch, Source: FromSystem, UserID: userID})
	if found && errors.Is(err, ErrNoUser) {
		return a, nil
	}
	return r.Account, err
}
