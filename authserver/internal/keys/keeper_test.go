package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// memory is a Store in memory, for one caller at a time.
type memory struct {
	rows    []store.Key
	err     error // of every call
	changes int   // transactions that were committed
}

func (m *memory) SigningKeys(context.Context) ([]store.Key, error) {
	return slices.Clone(m.rows), m.err
}

func (m *memory) Tx(_ context.Context, f func(store.Tx) error) error {
	if m.err != nil {
		return m.err
	}
	tx := &memoryTx{rows: slices.Clone(m.rows)}
	if err := f(tx); err != nil {
		return err
	}
	m.rows = tx.rows
	m.changes++
	return nil
}

// memoryTx is the part of a store.Tx that is about keys.
type memoryTx struct {
	store.Tx
	rows []store.Key
}

func (m *memoryTx) LockKeys() ([]store.Key, error) { return slices.Clone(m.rows), nil }

func (m *memoryTx) PutKey(key store.Key) error {
	_ = m.DropKey(key.ID)
	m.rows = append(m.rows, key)
	return nil
}

func (m *memoryTx) DropKey(id string) error {
	m.rows = slices.DeleteFunc(m.rows, func(k store.Key) bool { return k.ID == id })
	return nil
}

func config(t *testing.T, db *memory, clock *clocktest.Clock, log *bytes.Buffer) Config {
	return Config{
		Store: db, Clock: clock, Random: rand.Reader, Every: time.Hour, TokenTTL: 15 * time.Minute,
		KEK: KEKSource{File: filepath.Join(t.TempDir(), "kek")}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// TestKeeper: the first start makes the key file and the first key; polls take
// the steps of a rotation, and the next key signs Lead after it was published.
func TestKeeper(t *testing.T) {
	t.Parallel()
	db, clock, log := &memory{}, clocktest.New(created), &bytes.Buffer{}
	c := config(t, db, clock, log)
	k, err := OpenKeeper(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKEK(c.KEK.File); err != nil {
		t.Errorf("the key file: %v", err)
	}
	signs := func() string {
		t.Helper()
		if err := k.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		key, err := k.Ring().Signing(clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return key.ID
	}
	first := signs()
	clock.Jump(time.Hour - Lead)
	if again := signs(); again != first || len(k.Ring().Published()) != 2 {
		t.Errorf("%s signs, want %s; %d keys are published, want 2", again, first, len(k.Ring().Published()))
	}
	changes := db.changes
	clock.Jump(Lead - 1)
	if again := signs(); again != first || db.changes != changes {
		t.Errorf("%s signs, want %s; %d changes while nothing was due", again, first, db.changes-changes)
	}
	clock.Jump(1)
	if next := signs(); next == first {
		t.Error("the next key does not sign")
	}
}

// TestKeeperFails: while the keys cannot be read, the last ones stand, and the
// log tells of the fault once. A poll that the end of the server cut off is no
// fault.
func TestKeeperFails(t *testing.T) {
	t.Parallel()
	db, clock, log := &memory{}, clocktest.New(created), &bytes.Buffer{}
	k, err := OpenKeeper(t.Context(), config(t, db, clock, log))
	if err != nil {
		t.Fatal(err)
	}
	before := k.Ring()
	db.err = errors.New("the database is away")
	over, end := context.WithCancel(t.Context())
	end()
	if err := k.Poll(over); !errors.Is(err, db.err) || strings.Contains(log.String(), "ERROR") {
		t.Errorf("Poll at the end: %v; the log:\n%s", err, log)
	}
	for range 3 {
		if err := k.Poll(t.Context()); !errors.Is(err, db.err) {
			t.Errorf("Poll: %v", err)
		}
	}
	if k.Ring() != before {
		t.Error("the keys changed")
	}
	if _, err := OpenKeeper(t.Context(), k.config); !errors.Is(err, db.err) {
		t.Errorf("OpenKeeper: %v", err)
	}
	db.err = nil
	if err := k.Poll(t.Context()); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "can be read again") != 1 {
		t.Errorf("the log:\n%s", text)
	}
}

// TestOperatorCheck: with no key there is none to open; a lost key file is told
// of and not made anew; another key-encryption key opens nothing.
func TestOperatorCheck(t *testing.T) {
	t.Parallel()
	db, clock, log := &memory{}, clocktest.New(created), &bytes.Buffer{}
	c := config(t, db, clock, log)
	check := func(c Config, wantCount int, wantFrom string, wantErr string) {
		t.Helper()
		count, from, err := NewOperator(c).Check(t.Context())
		if count != wantCount || from != wantFrom || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%d keys, opened from %q, %v; want %d, %q, %q", count, from, err, wantCount, wantFrom, wantErr)
		}
	}
	check(c, 0, "", "")
	if _, err := OpenKeeper(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	check(c, 1, c.KEK.File, "")
	wrong := c
	wrong.KEK.Key = []byte("0123456789abcdefghijklmnopqrstuv")
	check(wrong, 0, "", "(the key-encryption key is from the configuration)")
	if err := os.Remove(c.KEK.File); err != nil {
		t.Fatal(err)
	}
	check(c, 0, "", "no key file")
	if _, err := OpenKeeper(t.Context(), c); !errors.Is(err, ErrNoKeyFile) {
		t.Errorf("OpenKeeper without the file: %v", err)
	}
	if _, err := os.Stat(c.KEK.File); err == nil {
		t.Error("a key file was made")
	}
}
