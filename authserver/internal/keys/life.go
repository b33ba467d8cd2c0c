package keys

import (
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The times of a key's life. They follow from MaxAge and from how long other
// verifiers keep a key set: up to 10 minutes, whatever the server says.
const (
	// MaxAge is how long the server tells verifiers to keep the key set. With
	// the minute in which every server must have read the keys again, one that
	// was retired is out of use within 5 minutes.
	MaxAge = 4 * time.Minute
	// Lead is how long a key is published before it signs: 10 minutes until
	// no verifier has a set without it, and 5 for servers that read it late
	// and for clocks that differ.
	Lead = 15 * time.Minute
	// tail is how long a key stays published after its last token ended, for
	// verifiers whose clocks are behind.
	tail = time.Minute
	// freshness is how long a server may sign by what it read of the keys. It
	// is below Lead: no key can begin to sign unseen.
	freshness = time.Minute
	// settling is how long a key is published at the least, also in an
	// emergency: every server that reads each second has it then.
	settling = 2 * time.Second
)

// State is where a key is in its life.
type State string

// The states, in the order of a life. A key may be Retired in each.
const (
	Next    State = "next"    // published, not signing yet
	Signing State = "signing" // signs, or is about to within seconds
	Old     State = "old"     // signs no more, published until its last token has ended
	Gone    State = "gone"    // not published any more
	Retired State = "retired" // taken out in an emergency
)

// Life is a key, and what the keys beside it make of it.
type Life struct {
	store.Key
	SignsUntil     time.Time // zero: no successor is decided
	PublishedUntil time.Time // zero: no successor is decided
}

// Lives puts keys in the order in which they sign, undecided ones last.
func Lives(rows []store.Key) []Life {
	lives := make([]Life, len(rows))
	for i, row := range rows {
		lives[i].Key = row
	}
	slices.SortStableFunc(lives, func(a, b Life) int {
		switch {
		case a.SignsFrom.IsZero() && b.SignsFrom.IsZero():
			return a.CreatedAt.Compare(b.CreatedAt)
		case a.SignsFrom.IsZero():
			return 1
		case b.SignsFrom.IsZero():
			return -1
		}
		return a.SignsFrom.Compare(b.SignsFrom)
	})
	var successor time.Time
	for i := range slices.Backward(lives) {
		l := &lives[i]
		l.SignsUntil = successor
		if !successor.IsZero() {
			l.PublishedUntil = successor.Add(l.TokenTTL + tail)
		}
		if !l.RetiredAt.IsZero() {
			l.PublishedUntil = l.RetiredAt
			if successor.IsZero() || l.RetiredAt.Before(successor) {
				l.SignsUntil = l.RetiredAt
			}
		}
		if l.signs() {
			successor = l.SignsFrom
		}
	}
	return lives
}

// signs says whether the key has its time to sign, be it past or to come. One
// that was retired before has none, and succeeds nobody.
func (l Life) signs() bool {
	return !l.SignsFrom.IsZero() && (l.RetiredAt.IsZero() || l.RetiredAt.After(l.SignsFrom))
}

// pending says whether the key is to sign, and does not yet.
func (l Life) pending(now time.Time) bool {
	return l.RetiredAt.IsZero() && (l.SignsFrom.IsZero() || l.SignsFrom.After(now))
}

// published says whether the key belongs into the key set.
func (l Life) published(now time.Time) bool {
	return l.RetiredAt.IsZero() && (l.PublishedUntil.IsZero() || now.Before(l.PublishedUntil))
}

// State says where the key is in its life.
func (l Life) State(now time.Time) State {
	switch {
	case !l.RetiredAt.IsZero():
		return Retired
	case l.pending(now):
		return Next
	case l.SignsUntil.IsZero() || now.Before(l.SignsUntil):
		return Signing
	case l.published(now):
		return Old
	}
	return Gone
}

// started is the key whose time to sign began last, retired or not.
func started(lives []Life, now time.Time) (Life, bool) {
	for _, l := range slices.Backward(lives) {
		if l.signs() && !l.SignsFrom.After(now) {
			return l, true
		}
	}
	return Life{}, false
}
