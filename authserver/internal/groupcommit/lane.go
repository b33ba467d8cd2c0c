package groupcommit

import "time"

const (
	// firstPause is how long calls that are set aside wait at first before they
	// are run again. A row is mostly held for as long as a commit takes.
	firstPause = 5 * time.Millisecond
	// longestPause is what the pause grows to, by doubling.
	longestPause = 100 * time.Millisecond
)

// lane runs calls, one batch after the other.
type lane[Q, R any] struct {
	*Group[Q, R]
	queue <-chan *Call[Q, R]
	// aside has the calls that wait for a row that another transaction holds,
	// by their hash. Calls of such a hash that come later wait behind them.
	aside  map[uint64]*aside[Q, R]
	places int // how many calls may still be set aside
}

// aside are calls of one hash that are set aside.
type aside[Q, R any] struct {
	calls []*Call[Q, R] // in the order of their arrival
	held  []*Call[Q, R] // those of them that the run under way set aside again
	pause time.Duration
	next  time.Time // when they are run again
}

func newLane[Q, R any](g *Group[Q, R], queue <-chan *Call[Q, R]) *lane[Q, R] {
	return &lane[Q, R]{Group: g, queue: queue, aside: map[uint64]*aside[Q, R]{}, places: g.config.Queue}
}

// serve runs what comes in until the queue is closed and empty.
func (l *lane[Q, R]) serve() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if next, waits := l.next(); waits {
			timer.Reset(time.Until(next))
			due = timer.C
		}
		select {
		case first, open := <-l.queue:
			if !open {
				l.giveUp(func(*Call[Q, R]) bool { return true })
				return
			}
			if batch := l.gather(first); len(batch) > 0 {
				l.run(batch)
			}
		case <-due:
		}
		if len(l.aside) > 0 {
			l.again()
		}
	}
}

// next says when the next calls that are set aside are to be run again.
func (l *lane[Q, R]) next() (at time.Time, waits bool) {
	for _, a := range l.aside {
		if !waits || a.next.Before(at) {
			at, waits = a.next, true
		}
	}
	return at, waits
}

// gather takes what waits, but for those who left. A call of a hash that is set
// aside goes behind those that wait there.
func (l *lane[Q, R]) gather(first *Call[Q, R]) (batch []*Call[Q, R]) {
	for next, open := first, true; open; {
		if a := l.aside[next.hash]; a != nil {
			a.calls = l.admit(a.calls, next, ErrBusy)
		} else if next.state.CompareAndSwap(waiting, begun) {
			batch = append(batch, next)
		}
		if len(batch) == l.config.Batch {
			break
		}
		select {
		case next, open = <-l.queue:
		default:
			open = false
		}
	}
	return batch
}

// admit adds a call to those that are set aside, or answers it with full where
// too many are.
func (l *lane[Q, R]) admit(calls []*Call[Q, R], call *Call[Q, R], full error) []*Call[Q, R] {
	if l.places == 0 {
		l.refuse(call, full)
		return calls
	}
	l.places--
	if call.until.IsZero() {
		call.until = time.Now().Add(l.config.Patience)
	}
	return append(calls, call)
}

// refuse answers a call that waits and had no effect, with the error of its last
// run or, where it was never run, with err.
func (l *lane[Q, R]) refuse(call *Call[Q, R], err error) {
	if call.state.CompareAndSwap(waiting, begun) {
		if call.Err == nil {
			call.Err = err
		}
		l.answer(call)
	}
}

// hold sets a call aside that was run and found a row held.
func (l *lane[Q, R]) hold(call *Call[Q, R]) {
	if !call.state.CompareAndSwap(begun, waiting) {
		return // its caller left meanwhile, and it had no effect
	}
	a := l.aside[call.hash]
	if a == nil {
		a = &aside[Q, R]{}
		l.aside[call.hash] = a
	}
	a.held = l.admit(a.held, call, ErrHeld)
}

// behind reports whether a call has to wait because one of its hash that came
// before it was just set aside.
func (l *lane[Q, R]) behind(call *Call[Q, R]) bool {
	a := l.aside[call.hash]
	return a != nil && len(a.held) > 0
}

// settle puts the calls that a run has set aside before those that came later,
// and says when they are run again.
func (l *lane[Q, R]) settle() {
	now := time.Now()
	for hash, a := range l.aside {
		if len(a.held) > 0 {
			a.calls, a.held = append(a.held, a.calls...), nil
			a.pause = min(max(firstPause, 2*a.pause), longestPause)
			a.next = now.Add(a.pause)
		}
		if len(a.calls) == 0 {
			delete(l.aside, hash)
		}
	}
}

// again runs the calls again that are due, in one batch.
func (l *lane[Q, R]) again() {
	now := time.Now()
	l.giveUp(func(call *Call[Q, R]) bool { return !now.Before(call.until) })
	var batch []*Call[Q, R]
	for _, a := range l.aside {
		if now.Before(a.next) {
			continue
		}
		n := min(len(a.calls), l.config.Batch-len(batch))
		for _, call := range a.calls[:n] {
			if call.state.CompareAndSwap(waiting, begun) {
				batch = append(batch, call)
			}
		}
		a.calls = a.calls[n:]
		l.places += n
	}
	if len(batch) > 0 {
		l.run(batch)
	}
	l.settle()
}

// giveUp answers the calls that are set aside and of which over is true, from
// the first of each hash on, with the error of their last run.
func (l *lane[Q, R]) giveUp(over func(*Call[Q, R]) bool) {
	for _, a := range l.aside {
		for len(a.calls) > 0 && over(a.calls[0]) {
			l.refuse(a.calls[0], ErrHeld)
			a.calls = a.calls[1:]
			l.places++
		}
	}
}
