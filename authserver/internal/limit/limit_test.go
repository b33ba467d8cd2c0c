package limit

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

// I172: a refused request costs nothing, however many come at once: whoever
// shares an address with a flood waits no longer than for one token.
func TestRefusedRequestsCostNothing(t *testing.T) {
	t.Parallel()
	const requests, per = 5, time.Minute
	addr := netip.MustParseAddr("192.0.2.1")
	l := New("test", requests, per)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	admitted := 0
	for range requests + 3 {
		if l.Take(addr, now) == 0 {
			admitted++
		}
	}
	if admitted != requests {
		t.Errorf("%d requests admitted at once, want %d", admitted, requests)
	}
	var flood sync.WaitGroup
	for g := range 64 {
		flood.Go(func() {
			for i := range 300 { // clocks of concurrent requests do not agree
				l.Take(addr, now.Add(time.Duration((g*300+i)%7)*time.Microsecond))
			}
		})
	}
	flood.Wait()
	token := per / requests
	if wait := l.Take(addr, now); wait <= 0 || wait > token+time.Second {
		t.Errorf("after the flood the next one waits %v, want at most %v", wait, token)
	}
	if wait := l.Take(addr, now.Add(token+time.Second)); wait != 0 {
		t.Errorf("a token later the next one still waits %v", wait)
	}
}

// O19: what is given back can be taken again, and a bucket gets no fuller by it
// than it was at first.
func TestO19GiveBack(t *testing.T) {
	t.Parallel()
	const requests = 3
	addr := netip.MustParseAddr("192.0.2.1")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := New("test", requests, time.Minute)
	for name, of := range map[string]struct {
		take func() time.Duration
		back func()
	}{
		"address": {func() time.Duration { return l.Take(addr, now) }, func() { l.GiveBack(addr, now) }},
		"app":     {func() time.Duration { return l.TakeOf("app", now) }, func() { l.GiveBackOf("app", now) }},
	} {
		of.back() // of somebody who has taken nothing
		for range 10 * requests {
			if wait := of.take(); wait != 0 {
				t.Fatalf("%s: waits %v", name, wait)
			}
			of.back()
		}
		of.back()
		for range requests {
			if wait := of.take(); wait != 0 {
				t.Errorf("%s: waits %v", name, wait)
			}
		}
		if of.take() == 0 {
			t.Errorf("%s: fuller than at first", name)
		}
	}
}
