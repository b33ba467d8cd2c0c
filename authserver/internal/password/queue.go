package password

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// longestWait is how long a caller may be expected to wait. Who would wait
	// for longer is refused at once and not when its client has given up.
	longestWait = 5 * time.Second
	// firstGuess is how long a hash is taken to last before one was measured.
	firstGuess = 30 * time.Millisecond
)

// From says for whom a password is hashed. The empty From is one of the
// strangers, as everybody else who has neither account nor address.
type From struct {
	Account string // an e-mail address, whether or not there is such an account
	Addr    string // the client's address, or the network that counts as one
	Known   bool   // whether the user has logged in from this device before
}

// queue shares the places to work between those who wait. Known devices and
// strangers take turns; of the strangers, addresses do, and of the known
// devices, accounts. It is safe for concurrent use.
type queue struct {
	most   int // how many strangers may wait, and how many known devices
	places int

	lock    sync.Mutex // guards what follows
	classes [2]class   // strangers, known devices
	last    int        // the class that had the last turn
	took    time.Duration
}

// class is those who work, and the lanes in which somebody waits, in the order
// of their turns.
type class struct {
	places  int // how many may work
	working int
	lanes   []*lane
	waiting int
}

// lane is the waiting callers of one address or account, in the order in which
// they came.
type lane struct {
	key     string
	waiters []*waiter
}

type waiter struct {
	account string
	turn    chan bool // gets true with a place, and false where it has to leave
}

// newQueue keeps one place from strangers, if there is more than one, so that a
// flood of theirs leaves a core to everything else.
func newQueue(places, most int) *queue {
	return &queue{most: most, places: places, classes: [2]class{{places: max(places-1, 1)}, {places: places}}, took: firstGuess}
}

// enter waits for a place. The error is ErrBusy where there is no room or the
// wait would be too long, and that of the context where the caller has left.
func (q *queue) enter(ctx context.Context, from From) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	number, key := from.class()
	q.lock.Lock()
	if q.room(number) {
		q.classes[number].working++
		q.lock.Unlock()
		return nil
	}
	w := &waiter{account: from.Account, turn: make(chan bool, 1)}
	admitted := q.wait(number, key, w)
	q.lock.Unlock()
	if !admitted {
		return ErrBusy
	}
	select {
	case placed := <-w.turn:
		if !placed {
			return ErrBusy
		}
		return nil
	case <-ctx.Done():
		q.leave(number, w)
		return ctx.Err()
	}
}

// class is the class of a caller, and the key of its lane there.
func (f From) class() (number int, key string) {
	if f.Known {
		return 1, f.Account
	}
	return 0, f.Addr
}

// room reports whether one more of a class may work.
func (q *queue) room(number int) bool {
	c := &q.classes[number]
	return c.working < c.places && q.classes[0].working+q.classes[1].working < q.places
}

// wait puts a waiter into its lane, if there is room. An address or an account
// may fill the queue as long as nobody else wants in.
func (q *queue) wait(number int, key string, w *waiter) bool {
	c := &q.classes[number]
	var ahead int
	if mine := c.lane(key); mine != nil {
		ahead = len(mine.waiters)
	}
	if q.most == 0 || q.expected(c, ahead) > longestWait {
		return false
	}
	if c.waiting >= q.most && !c.displace(ahead+1, c.accounts()[w.account]+1) {
		return false
	}
	c.waiting++
	mine := c.lane(key)
	if mine == nil {
		mine = &lane{key: key}
		c.lanes = append(c.lanes, mine)
	}
	mine.waiters = append(mine.waiters, w)
	return true
}

// lane is the lane of a key, or nil where nobody waits in it.
func (c *class) lane(key string) *lane {
	if at := slices.IndexFunc(c.lanes, func(l *lane) bool { return l.key == key }); at >= 0 {
		return c.lanes[at]
	}
	return nil
}

// expected is how long a caller waits behind that many in its lane: as many
// turns of all lanes, at the places of its class, and where the other class
// waits too at no more than half of all places.
func (q *queue) expected(c *class, ahead int) time.Duration {
	turns := min(c.waiting, (ahead+1)*(len(c.lanes)+1)-1) + 1
	halves := 2 * c.places
	if q.classes[0].waiting+q.classes[1].waiting > c.waiting {
		halves = min(halves, q.places)
	}
	return 2 * time.Duration(turns) * q.took / time.Duration(halves)
}

// accounts is how many wait of each account.
func (c *class) accounts() map[string]int {
	counts := make(map[string]int)
	for _, l := range c.lanes {
		for _, w := range l.waiters {
			counts[w.account]++
		}
	}
	return counts
}

// displace sends one away to make room, the last of the longest lane or else of
// the account of which most wait, if those are more than the caller's would be.
func (c *class) displace(lane, account int) bool {
	longest := slices.MaxFunc(c.lanes, compareLanes)
	last := longest.waiters[len(longest.waiters)-1]
	if len(longest.waiters) <= lane {
		counts := c.accounts()
		last = nil
		for _, l := range c.lanes {
			for _, w := range l.waiters {
				if n := counts[w.account]; n > account && (last == nil || n >= counts[last.account]) {
					last = w
				}
			}
		}
	}
	if last == nil {
		return false
	}
	c.drop(last)
	last.turn <- false
	return true
}

func compareLanes(a, b *lane) int { return len(a.waiters) - len(b.waiters) }

// drop takes a waiter out of its lane, and reports whether it was there.
func (c *class) drop(w *waiter) bool {
	for i, l := range c.lanes {
		if at := slices.Index(l.waiters, w); at >= 0 {
			l.waiters = slices.Delete(l.waiters, at, at+1)
			if len(l.waiters) == 0 {
				c.lanes = slices.Delete(c.lanes, i, i+1)
			}
			c.waiting--
			return true
		}
	}
	return false
}

// leave takes a caller out of the queue who has gone. A place that it was given
// meanwhile goes to the next one.
func (q *queue) leave(number int, w *waiter) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if q.classes[number].drop(w) {
		return
	}
	if placed := <-w.turn; placed { // it was sent before the lock was free
		q.free(number)
	}
}

// done gives the place of a caller back after work that took that long.
func (q *queue) done(from From, took time.Duration) {
	number, _ := from.class()
	q.lock.Lock()
	defer q.lock.Unlock()
	q.took = (7*q.took + took) / 8
	q.free(number)
}

// free takes the place of one of a class, and gives it to whoever has the next
// turn.
func (q *queue) free(number int) {
	q.classes[number].working--
	for _, number := range []int{1 - q.last, q.last} {
		c := &q.classes[number]
		if c.waiting == 0 || !q.room(number) {
			continue
		}
		q.last = number
		first := c.lanes[0]
		c.lanes = c.lanes[1:]
		w := first.waiters[0]
		if first.waiters = first.waiters[1:]; len(first.waiters) > 0 {
			c.lanes = append(c.lanes, first)
		}
		c.waiting--
		c.working++
		w.turn <- true
		return
	}
}

// load is how many work and how many wait.
func (q *queue) load() (working, waiting int) {
	q.lock.Lock()
	defer q.lock.Unlock()
	return q.classes[0].working + q.classes[1].working, q.classes[0].waiting + q.classes[1].waiting
}
