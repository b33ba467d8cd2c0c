package serve

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestUntilFinishesRequests ends the server while a request is under way. It
// changes the default logger, so it does not run beside other tests.
func TestUntilFinishesRequests(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	address := make(chan string, 1)
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "address" {
				address <- a.Value.String()
			}
			return a
		},
	})))
	arrived, leave := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Until(ctx, "0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-leave
			w.WriteHeader(http.StatusTeapot)
		}))
	}()
	_, port, err := net.SplitHostPort(<-address)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		response, err := http.Get("http://127.0.0.1:" + port)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	<-arrived
	stop()
	select {
	case err := <-ended:
		t.Errorf("ended before the request: %v", err)
	default:
	}
	close(leave)
	if got := <-answered; got != http.StatusTeapot {
		t.Errorf("the request under way got %d", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Until: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestUntilNeedsItsPort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, taken, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{taken, "99999", "-1"} {
		if err := Until(t.Context(), port, http.NotFoundHandler()); err == nil {
			t.Errorf("port %q: no error", port)
		}
	}
}
