package guess

import (
	"slices"
	"time"
)

// window is how long a failure counts.
const window = time.Hour

// rule is how failures delay the next attempt.
type rule struct {
	free  int           // failures within the window that delay nothing
	first time.Duration // the delay after one failure more; each further one doubles it
	most  time.Duration // the longest delay
}

// The rules for strangers. An account comes to some 17 attempts in the first
// hour of an attack and to 6 in each further one.
var (
	accountRule = rule{free: 5, first: 5 * time.Second, most: 10 * time.Minute}
	addressRule = rule{free: 20, first: time.Second, most: 5 * time.Minute}
	networkRule = rule{free: 60, first: time.Second, most: time.Minute}
)

// The shares of known devices, in failures an hour.
const (
	deviceShare  = 10 // of one device
	devicesShare = 30 // of all devices of an account
)

// maxKept is how many failures a counter keeps. With that many, every rule has
// come to its longest delay.
const maxKept = 80

// counter has the failures of one subject.
type counter struct {
	failed  []time.Time // within the window, in order
	pending int         // attempts that are being checked
}

// count is how many failures there are, where each attempt that is being
// checked is taken for one.
func (c *counter) count(now time.Time) int {
	old := 0
	for old < len(c.failed) && now.Sub(c.failed[old]) >= window {
		old++
	}
	c.failed = slices.Delete(c.failed, 0, old)
	return len(c.failed) + c.pending
}

// wait says how long the next attempt has to wait by a rule.
func (c *counter) wait(r rule, now time.Time) time.Duration {
	over := c.count(now) - r.free
	if over < 0 {
		return 0
	}
	delay := r.most
	if over < 16 { // 2^16 s is longer than any delay
		delay = min(r.first<<over, r.most)
	}
	last := now
	if c.pending == 0 {
		last = c.failed[len(c.failed)-1]
	}
	return last.Add(delay).Sub(now)
}

// add adds failures at an instant.
func (c *counter) add(at time.Time, failures int) {
	where, _ := slices.BinarySearchFunc(c.failed, at, time.Time.Compare)
	for range min(failures, maxKept) {
		c.failed = slices.Insert(c.failed, where, at)
	}
	if over := len(c.failed) - maxKept; over > 0 {
		c.failed = slices.Delete(c.failed, 0, over)
	}
}
