package chargetest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// holdFor is the guards' default.
const holdFor = 15 * time.Minute

const conflict = "A request with this Idempotency-Key is running or was charged"

// echo answers with the body that the handler got.
func echo(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return text(w, string(body))
}

func runKeys(t *testing.T, suite Suite) {
	const key = charge.KeyHeader
	t.Run("a replay runs nothing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, echo)
		if got := r.send("POST", "ada", "prompt", key, "k1"); got.status != 200 || got.body != "prompt" {
			t.Errorf("answer %+v", got)
		}
		r.became("ada", charge.Committed, cost)
		r.ran.Store(0)
		for range 2 {
			r.refused(r.send("POST", "ada", "prompt", key, "k1"), 409, envelope(409, "CONFLICT", conflict), "")
			<-r.infos
			r.taken("ada", cost)
		}
	})
	t.Run("what counts", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, echo)
		long := strings.Repeat("x", 100<<10)
		for n, request := range []struct{ user, body, key string }{
			{"ada", "prompt", "k1"}, {"ada", "prompt", "k2"}, {"ada", "another", "k1"}, {"ada", "tpmorp", "k1"}, {"ada", "", "k1"}, {"ada", long, "k1"}, {"bob", "prompt", "k1"},
		} {
			got := r.send("POST", request.user, request.body, key, request.key)
			if got.status != 200 || got.body != request.body {
				t.Errorf("%d: status %d and %d bytes", n, got.status, len(got.body))
			}
			<-r.infos
		}
		r.taken("ada", 6*cost)
		r.taken("bob", cost)
		// A long body counts by its length: this is the replay of another.
		if got := r.send("POST", "ada", strings.Repeat("y", 100<<10), key, "k1"); got.status != 409 {
			t.Errorf("status %d, want 409", got.status)
		}
	})
	t.Run("at the same time", func(t *testing.T) {
		t.Parallel()
		const copies = 8
		inside, leave := make(chan struct{}, copies), make(chan struct{})
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			inside <- struct{}{}
			<-leave
			return echo(w, req)
		})
		statuses := make(chan int, copies)
		var group sync.WaitGroup
		for range copies {
			group.Go(func() { statuses <- r.send("POST", "ada", "prompt", key, "k1").status })
		}
		for range copies - 1 {
			if status := <-statuses; status != 409 {
				t.Errorf("status %d, want 409", status)
			}
		}
		close(leave)
		group.Wait()
		if status := <-statuses; status != 200 || len(inside) != 1 {
			t.Errorf("status %d, %d ran; want one with 200", status, len(inside))
		}
		r.taken("ada", cost)
	})
	t.Run("after a failure, up to a limit", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(500); return text(w, "no") })
		for n := range 10 {
			want := 500
			if n >= 8 {
				want = 409
			}
			if got := r.send("POST", "ada", "prompt", key, "k1"); got.status != want {
				t.Errorf("try %d: status %d, want %d", n, got.status, want)
			}
		}
		r.taken("ada", 0)
	})
	t.Run("once it goes well", func(t *testing.T) {
		t.Parallel()
		var r *rig
		r = newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			if r.ran.Load() < 3 {
				return errHandler
			}
			return echo(w, req)
		})
		for n, want := range []int{500, 500, 200, 409} {
			if got := r.send("POST", "ada", "prompt", key, "k1"); got.status != want {
				t.Errorf("try %d: status %d, want %d", n, got.status, want)
			}
		}
		r.taken("ada", cost)
	})
	t.Run("after an expiry", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, echo)
		r.abandon("k1")
		if got := r.send("POST", "ada", "prompt", key, "k1"); got.status != 409 {
			t.Errorf("status %d while it is reserved, want 409", got.status)
		}
		r.clock.Advance(holdFor)
		if got := r.send("POST", "ada", "prompt", key, "k1"); got.status != 200 {
			t.Errorf("status %d after that, want 200", got.status)
		}
		r.taken("ada", cost)
	})
	t.Run("malformed", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, echo)
		want := envelope(400, "INVALID_REQUEST", "One Idempotency-Key of 1 to 255 visible characters is accepted")
		for _, keys := range [][]string{{key, ""}, {key, "a b"}, {key, strings.Repeat("k", 256)}, {key, "a", key, "a"}, {key, "ü"}} {
			r.refused(r.send("POST", "ada", "prompt", keys...), 400, want, "")
		}
	})
	// A body of unknown length is not held back: its sender may wait.
	t.Run("a streamed upload", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{})
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error {
			close(entered)
			return echo(w, req)
		})
		body, in := io.Pipe()
		go func() {
			<-entered
			_, _ = io.WriteString(in, "the rest")
			_ = in.Close()
		}()
		request, err := http.NewRequestWithContext(t.Context(), "POST", r.server.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer ada")
		request.Header.Set(key, "k1")
		if got := r.do(request); got.status != 200 || got.body != "the rest" {
			t.Errorf("answer %+v", got)
		}
		r.became("ada", charge.Committed, cost)
	})
}

// abandon reserves as a guard does whose process then dies: nothing settles.
func (r *rig) abandon(key string) {
	r.t.Helper()
	request, err := http.NewRequest("POST", path, strings.NewReader("prompt"))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set(charge.KeyHeader, key)
	ledger, err := credits.New(r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	defer ledger.Close()
	request = request.WithContext(client.WithUser(request.Context(), client.User{ID: "ada"}))
	if _, denial := charge.New(ledger, operation, charge.Fixed(cost), charge.Config{}).Admit(request); denial != nil {
		r.t.Fatal(denial.Err)
	}
}
