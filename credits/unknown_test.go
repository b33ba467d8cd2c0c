package credits_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/internal/memledger"
)

// inProcess answers from a ledger, and counts what it was asked for.
type inProcess struct {
	*memledger.Ledger
	requests atomic.Int64
	// lose is what becomes of the answer to a reservation; nil: it arrives.
	lose atomic.Pointer[transport]
}

func (l *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	l.requests.Add(1)
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	if lose := l.lose.Load(); lose != nil && strings.HasSuffix(r.URL.Path, "/reserve") {
		return (*lose)(r)
	}
	return w.Result(), nil
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// What was set aside by a call that ended without an answer is released, unless
// the caller has a key to ask again with.
func TestS05UnknownReservationIsReleased(t *testing.T) {
	t.Parallel()
	lost := func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	nonsense := func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		_, _ = io.WriteString(w, "<html>")
		return w.Result(), nil
	}
	for _, c := range []struct {
		name     string
		lose     transport
		patience time.Duration // of the caller
		key      string
		release  bool
		held     int64
	}{
		{"S5 the caller gives up", hang, 50 * time.Millisecond, "", false, 0},
		{"S5 the client's own limits", hang, time.Hour, "", false, 0},
		{"S5 the answer gets lost", lost, time.Hour, "", false, 0},
		{"S5 the answer is nonsense", nonsense, time.Hour, "", false, 0},
		{"S5 with a key that nobody will use again", hang, 50 * time.Millisecond, "k", true, 0},
		{"a key to ask again with", hang, 50 * time.Millisecond, "k", false, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
				ledger := bubbled(t, server.RoundTrip, nil)
				server.lose.Store(&c.lose)
				ctx, cancel := context.WithTimeout(t.Context(), c.patience)
				defer cancel()
				params := credits.ReserveParams{UserID: ada, Amount: 100, Operation: "op", Key: c.key, ReleaseIfUnknown: c.release}
				v, err := ledger.Reserve(ctx, params)
				if !errors.Is(err, credits.ErrUnavailable) || v != (credits.Reservation{}) {
					t.Fatalf("%+v, %v", v, err)
				}
				server.lose.Store(nil)
				time.Sleep(10 * time.Second)
				if balance, held := server.Account(ada); held != c.held || balance.FreeCreditsRemaining != 150-c.held {
					t.Errorf("%+v and %d reserved, want %d", balance, held, c.held)
				}
			})
		})
	}
}

// Nothing is asked again where nothing was sent, where the ledger said no, and
// once the client is closed.
func TestS05NothingToRelease(t *testing.T) {
	t.Parallel()
	reserve := func(ctx context.Context, ledger *credits.Client, amount int64) error {
		_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: amount, Operation: "op"})
		return err
	}
	for _, c := range []struct {
		name     string
		run      func(t *testing.T, server *inProcess, ledger *credits.Client)
		requests int64
	}{
		{"the caller had gone before", func(t *testing.T, _ *inProcess, ledger *credits.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := reserve(ctx, ledger, 1); !errors.Is(err, credits.ErrUnavailable) {
				t.Error(err)
			}
		}, 0},
		{"too little", func(t *testing.T, _ *inProcess, ledger *credits.Client) {
			if err := reserve(t.Context(), ledger, 151); !errors.Is(err, credits.ErrInsufficient) {
				t.Error(err)
			}
		}, 1},
		{"the breaker is open", func(t *testing.T, server *inProcess, ledger *credits.Client) {
			lose := transport(hang)
			server.lose.Store(&lose)
			for range 2 {
				if err := reserve(t.Context(), ledger, 1); !errors.Is(err, credits.ErrUnavailable) {
					t.Error(err)
				}
			}
			server.lose.Store(nil)
		}, 3},
		{"no connection", func(t *testing.T, server *inProcess, ledger *credits.Client) {
			lose := transport(func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GetConn("ledger:80")
				return nil, syscall.ECONNREFUSED
			})
			server.lose.Store(&lose)
			if err := reserve(t.Context(), ledger, 1); !errors.Is(err, credits.ErrUnavailable) {
				t.Error(err)
			}
			server.lose.Store(nil)
		}, 1},
		{"a connection that breaks", func(t *testing.T, server *inProcess, ledger *credits.Client) {
			lose := transport(func(r *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(r.Context())
				trace.GetConn("ledger:80")
				trace.GotConn(httptrace.GotConnInfo{})
				return nil, syscall.ECONNRESET
			})
			server.lose.Store(&lose)
			if err := reserve(t.Context(), ledger, 1); !errors.Is(err, credits.ErrUnavailable) {
				t.Error(err)
			}
			server.lose.Store(nil)
		}, 3},
		{"closed", func(t *testing.T, server *inProcess, ledger *credits.Client) {
			lose := transport(hang)
			server.lose.Store(&lose)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := reserve(ctx, ledger, 1); !errors.Is(err, credits.ErrUnavailable) {
				t.Error(err)
			}
			synctest.Wait()
			_ = ledger.Close() // which waits for what asks again
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
				ledger := bubbled(t, server.RoundTrip, func(c *credits.Config) {
					c.Retries, c.Breaker = -1, client.BreakerConfig{Failures: 1, OpenFor: time.Second}
				})
				c.run(t, server, ledger)
				time.Sleep(time.Minute)
				if n := server.requests.Load(); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
			})
		})
	}
}

// A ledger that stays away is not asked for ever.
func TestS05GivesUp(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		requests := 0
		ledger := bubbled(t, func(r *http.Request) (*http.Response, error) { requests++; return status(r, 500, nil), nil },
			func(c *credits.Config) { c.Retries, c.Breaker.Failures = -1, 2 })
		if _, err := ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"}); !errors.Is(err, credits.ErrUnavailable) {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if requests < 10 || requests > 50 {
			t.Errorf("%d requests", requests)
		}
		if s := ledger.Stats(); s.Calls != 1 || s.Unavailable != 1 || s.Breaker != "closed" {
			t.Errorf("stats %+v", s)
		}
	})
}

// Who asks again at once, as a browser does that loads a page anew, is not
// refused for what the client is about to release.
func TestS05NextCallWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		slow   time.Duration // each answer but the first, which does not come
		amount int64
		want   error
	}{
		{"S5 the next reservation", 150 * time.Millisecond, 100, nil},
		{"S5 the next reservation of too much", 150 * time.Millisecond, 151, credits.ErrInsufficient},
		{"S5 a ledger that stays away", time.Hour, 100, credits.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
				ledger := bubbled(t, func(r *http.Request) (*http.Response, error) {
					answer, err := server.RoundTrip(r)
					if server.requests.Load() == 1 {
						return hang(r)
					}
					select {
					case <-time.After(c.slow):
						return answer, err
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}, nil)
				reserve := func(patience time.Duration, amount int64) error {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: amount, Operation: "op"})
					return err
				}
				if err := reserve(50*time.Millisecond, 100); !errors.Is(err, credits.ErrUnavailable) {
					t.Fatal(err)
				}
				if err := reserve(time.Hour, c.amount); !errors.Is(err, c.want) {
					t.Errorf("the next: %v, want %v", err, c.want)
				}
			})
		})
	}
	t.Run("another user does not wait", func(t *testing.T) {
		t.Parallel()
		bubble.Test(t, func(t *testing.T) {
			server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
			lose := transport(hang)
			server.lose.Store(&lose)
			ledger := bubbled(t, server.RoundTrip, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 100, Operation: "op"}); !errors.Is(err, credits.ErrUnavailable) {
				t.Fatal(err)
			}
			start := time.Now()
			_, err := ledger.Consume(t.Context(), credits.ConsumeParams{UserID: "bob", Amount: 151, Operation: "op"})
			if !errors.Is(err, credits.ErrInsufficient) || time.Since(start) != 0 {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
}

// A ledger that stays away costs at most 256 goroutines; what comes beyond them
// is left to expire, and a warning says so.
func TestS05TooMany(t *testing.T) {
	t.Parallel()
	for n, warned := range map[int]bool{256: false, 257: true} {
		bubble.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			ledger := bubbled(t, hang, func(c *credits.Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.Timeout, c.Attempt = time.Hour, time.Hour // none of them gives up meanwhile
			})
			var callers sync.WaitGroup
			for range n {
				callers.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
					defer cancel()
					_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"})
					if !errors.Is(err, credits.ErrUnavailable) {
						t.Error(err)
					}
				})
			}
			callers.Wait()
			synctest.Wait()
			if text := log.String(); strings.Contains(text, "too many reservations") != warned {
				t.Errorf("%d reservations: the log is %q", n, text)
			}
		})
	}
}
