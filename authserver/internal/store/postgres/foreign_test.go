package postgres

import (
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestO29ForeignParameters: a URL with another program's parameters is refused
// with what to do, before anything is asked of the database.
func TestO29ForeignParameters(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"schema=public", "connection_limit=5", "pgbouncer=true"} {
		_, err := Open(t.Context(), "postgres://mana:hush@127.0.0.1:1/mana?sslmode=disable&"+parameter)
		name, _, _ := strings.Cut(parameter, "=")
		if err == nil || !strings.Contains(err.Error(), "DATABASE_URL has the parameter "+name) || !strings.Contains(err.Error(), "remove it") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", parameter, err)
		}
	}
	good := pgtest.New(t)
	joint := "?"
	if strings.Contains(good, "?") {
		joint = "&"
	}
	if _, err := Open(t.Context(), good+joint+"surprise=1"); err == nil || !strings.Contains(err.Error(), "remove the parameter from DATABASE_URL") {
		t.Errorf("a parameter that nobody knows: %v", err)
	}
}
