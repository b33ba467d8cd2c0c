package chargetest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// runAbandoned runs what becomes of a reservation whose answer nobody waits
// for: the ledger sets the credits aside and keeps its answer back until the
// request is given up.
func runAbandoned(t *testing.T, suite Suite) {
	for _, c := range []struct {
		name   string
		header []string
		giveUp func(r *rig, leave func())
	}{
		{"S5 the caller goes", nil, func(_ *rig, leave func()) { leave() }},
		{"S5 the caller goes, and has a key", []string{charge.KeyHeader + ": k1\r\n"}, func(_ *rig, leave func()) { leave() }},
		{"S5 the request's deadline passes", nil, func(r *rig, _ func()) { close(r.deadline.passed) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, done, func(route *Route) {
				route.Cost = charge.Fixed(100)
				route.Config.FailOpen = 10 // which is not for callers who are gone
			})
			reserved, released := make(chan struct{}), make(chan struct{})
			var first atomic.Bool
			r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "/reserve") && first.CompareAndSwap(false, true) {
					r.ServeCredits(httptest.NewRecorder(), req)
					close(reserved)
					<-req.Context().Done()
					panic(http.ErrAbortHandler)
				}
				r.ServeCredits(w, req)
				if strings.HasSuffix(req.URL.Path, "/refund-reservation") {
					close(released)
				}
			})
			conn := r.dial("ada", c.header...)
			<-reserved
			c.giveUp(r, func() { _ = conn.Close() })
			if info := <-r.infos; info.Outcome != charge.Refused || !errors.Is(info.Err, credits.ErrUnavailable) {
				t.Errorf("info %+v", info)
			}
			select {
			case <-released:
			case <-time.After(20 * time.Second):
				t.Fatal("what was set aside is not released")
			}
			r.taken("ada", 0)
			if n := r.ran.Load(); n != 0 {
				t.Errorf("the handler ran %d times", n)
			}
		})
	}
}
