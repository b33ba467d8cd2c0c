package main

import (
	"crypto/rand"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./cmd/authserver -run TestFloodedBackend -v -flood 10000000.
var flood = flag.Int64("flood", 300_000, "how many entries TestFloodedBackend sends that do not matter any more, before more than a backend holds that do")

// mostGrowth is how much a flood may add to the memory of a process, in KiB: the
// entries that are held, twice while old ones are dropped, and as much again that
// the garbage collector leaves until later.
const mostGrowth = 64 << 10

// floods is a feed that names one session after the other and comes to no end:
// first those that do not matter any more, and then those that do.
type floods struct {
	sent atomic.Int64
}

func (f *floods) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", wire.EventStream)
	now := time.Now()
	digests := make([]byte, 1000*len(wire.SessionDigest{}))
	for {
		until := now.Add(-time.Minute).Unix()
		if f.sent.Load() >= *flood {
			until = now.Add(10 * time.Minute).Unix()
		}
		_, _ = rand.Read(digests)
		event := []byte(`data: {"knownUpTo":` + strconv.FormatInt(now.UnixMilli(), 10) + `,"more":true,"sessions":[`)
		for n := 0; n < len(digests); n += 16 {
			event = fmt.Appendf(event, `{"id":"%s","until":%d},`, base64.RawURLEncoding.EncodeToString(digests[n:n+16]), until)
		}
		event = append(event[:len(event)-1], "]}\n\n"...)
		if _, err := w.Write(event); err != nil {
			return
		}
		f.sent.Add(1000)
	}
}

// peak is the most memory that the process has had, in KiB.
func (p *process) peak() int {
	p.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		p.Fatal(err)
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		p.Fatal(err)
	}
	return kib
}

// TestFloodedBackend: a feed that names more sessions than are held is silent. It
// costs a bounded amount of memory, and nobody is refused or let in by it.
func TestFloodedBackend(t *testing.T) {
	t.Parallel()
	for mode, whatEnded := range map[string]int{"auto": http.StatusOK, "required": http.StatusUnauthorized} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t, authtest.WithRevocations())
			flooding := new(floods)
			issuer.FaultRevocations(flooding.ServeHTTP)
			backend := runZitare(t, issuer.URL(), mode)
			live, ended := issuer.Token(authtest.SessionID("live")), issuer.Token(authtest.SessionID("ended"))
			if status := backend.me(live); status != http.StatusOK {
				t.Fatalf("status %d before the flood", status)
			}
			before := backend.peak()
			issuer.Revoke("ended")
			asked := 0
			backend.until(func() bool {
				asked++
				if status := backend.me(live); status != http.StatusOK {
					t.Errorf("status %d for a session that goes on", status)
				}
				return issuer.RevocationRequests() > 1 // the first connection has been given up
			})
			if status := backend.me(ended); status != whatEnded {
				t.Errorf("status %d for a session that ended, want %d", status, whatEnded)
			}
			grown := backend.peak() - before
			if grown > mostGrowth {
				t.Errorf("the flood added %d KiB, want %d at most", grown, mostGrowth)
			}
			t.Logf("%d entries sent over %d connections, %d requests meanwhile; memory grew from %d KiB by %d KiB",
				flooding.sent.Load(), issuer.RevocationRequests(), asked, before, grown)
		})
	}
}
