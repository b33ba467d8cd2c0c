package credits_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/internal/memledger"
)

// broken is a handler of logs that panics.
type broken struct{ slog.Handler }

func (broken) Handle(context.Context, slog.Record) error { panic("secret") }

// What looks for a reservation runs code of the program on a goroutine on which
// nobody could recover: its transport, the hooks of its context and its logger.
func TestS10PanicWhereNobodyRecovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		value any
		says  string // "": the logger panics too
	}{
		{"S10 a text", "Bearer secret", "panic=string"},
		{"S10 an error", errors.New("secret"), "panic=*errors.errorString"},
		{"S10 the logger as well", errors.New("secret"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				handler := slog.Handler(slog.NewTextHandler(&log, nil))
				if c.says == "" {
					handler = broken{handler}
				}
				server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
				ledger := bubbled(t, func(r *http.Request) (*http.Response, error) {
					if _, waited := r.Context().Deadline(); waited && server.requests.Load() > 0 {
						panic(c.value)
					}
					server.requests.Add(1)
					return hang(r)
				}, func(config *credits.Config) { config.Logger = slog.New(handler) })
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 100, Operation: "op"})
				if !errors.Is(err, credits.ErrUnavailable) {
					t.Fatal(err)
				}
				synctest.Wait()
				text := log.String()
				if c.says == "" {
					return // the process is still there
				}
				if strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, c.says) || strings.Contains(text, "secret") {
					t.Errorf("log: %s\nwant one error with %s", text, c.says)
				}
			})
		})
	}
}
