package authserver

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestO24Idle: a server that nobody asks runs few transactions: four polls of
// the revocations a second, without which a logout would not count everywhere
// within one, a poll of the signing keys, and little else.
func TestO24Idle(t *testing.T) {
	t.Parallel()
	const atMost = 6.2 // a second, with what its connections need
	place := pgtest.New(t)
	server := func(idle time.Duration) int64 {
		t.Helper()
		clock := clocktest.New(begin)
		s, err := Open(t.Context(), Config{Database: Database{URL: place}, Keys: Keys{EncryptionKey: testKEK}, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		for range idle / (250 * time.Millisecond) {
			clock.Advance(250 * time.Millisecond)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return committed(t, place)
	}
	before := server(0) // the first one migrates
	var perSecond float64
	for range 3 { // a vacuum that comes in between counts as well
		started := server(0)
		idle := server(time.Minute)
		perSecond = float64(idle-started-(started-before)) / time.Minute.Seconds()
		if before = idle; perSecond <= atMost {
			break
		}
	}
	if t.Logf("%.2f transactions a second", perSecond); perSecond > atMost {
		t.Errorf("more than %v", atMost)
	}
}

// committed is how many transactions a database has counted, once nobody is
// connected to it: until then connections have counts of their own.
func committed(t *testing.T, place string) (n int64) {
	t.Helper()
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Path[1:]
	u.Path = "/postgres"
	db, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	for connected := int64(1); connected > 0; {
		if err := db.QueryRow(t.Context(), `SELECT xact_commit, (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname)
			FROM pg_stat_database d WHERE datname = $1`, name).Scan(&n, &connected); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
