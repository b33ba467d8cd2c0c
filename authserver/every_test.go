package authserver

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
)

func TestEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		end := every(clock.System{}, time.Second, func(context.Context) {
			calls.Add(1)
			time.Sleep(time.Second) // in the bubble's time: the next call is a second after the end of this one
		})
		time.Sleep(9500 * time.Millisecond)
		synctest.Wait()
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls, want 5", n)
		}
		end()
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls after the end", n-5)
		}
		end() // a second time: nothing
	})
}

// TestEveryEndsACall: the end cancels the call that is under way, and is only
// over when that one is.
func TestEveryEndsACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var over atomic.Bool
		end := every(clock.System{}, time.Second, func(ctx context.Context) {
			<-ctx.Done()
			over.Store(true)
		})
		time.Sleep(1500 * time.Millisecond)
		end()
		if !over.Load() {
			t.Error("the end did not wait")
		}
	})
}
