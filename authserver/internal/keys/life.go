package keys

import (
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// These are the times in the life of a key. They follow from MaxAge and from
// how long other verifiers keep a key set: up to 10 minutes, whatever the
// server says.
const (
	// MaxAge is how long the server tells verifiers to keep the key set. Every
	// server reads the keys again within a minute, so that a retired key is out
	// of use within 5 minutes.
	MaxAge = 4 * time.Minute
	// Lead is how long a key is published before it signs. After 10 minutes no
	// verifier has a set without it. The other 5 are for servers that read the
	// keys late and for clocks that differ.
	Lead = 15 * time.Minute
	// tail is how long a key stays published after its last token ended, for
	// verifiers whose clocks are behind.
	tail = time.Minute
	// freshness is how long a server may sign after it read the keys. It is
	// shorter than Lead, so that a server has read every key before that key
	// begins to sign.
	freshness = time.Minute
	// settling is the shortest time for which a key is published before it
	// signs, also in an emergency: PollInterval, in which every server reads it,
	// feedLag, and a second for the way there. A verifier that follows the feed
	// answers a token of a key that it was not told of with 401.
	settling = PollInterval + feedLag + time.Second
	// feedLag is how late a verifier may hear of a key while it takes the feed
	// for fresh.
	feedLag = 2 * time.Second
)

// State is where a key is in its life.
type State string

// The states in their order. A key may be retired in each of them.
const (
	Next    State = "next"    // published, does not sign yet
	Signing State = "signing" // signs, or is about to within seconds
	Old     State = "old"     // signs no more, or never here; published until its last token has ended
	Gone    State = "gone"    // not published any more
	Retired State = "retired" // taken out of use in an emergency
)

// Life is a key with the ends of its life, which follow from the other keys.
type Life struct {
	store.Key
	SignsUntil     time.Time // zero: no successor is decided
	PublishedUntil time.Time // zero: no successor is decided
}

// Lives puts keys in the order in which they sign. Keys without a time to sign
// come last.
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
		switch {
		case l.foreign():
			l.PublishedUntil = l.VerifiesUntil
		case !successor.IsZero():
			l.SignsUntil, l.PublishedUntil = successor, successor.Add(l.TokenTTL+tail)
		}
		if !l.RetiredAt.IsZero() {
			l.PublishedUntil = l.RetiredAt
			if !l.foreign() && (successor.IsZero() || l.RetiredAt.Before(successor)) {
				l.SignsUntil = l.RetiredAt
			}
		}
		if l.signs() {
			successor = l.SignsFrom
		}
	}
	return lives
}

// foreign reports whether the key is one that signs for another database and only
// verifies here. Its times say nothing about other keys.
func (l Life) foreign() bool { return !l.VerifiesUntil.IsZero() }

// signs reports whether the key has a time to sign, in the past or in the
// future. A key that was retired before that time has none, and succeeds no
// other key.
func (l Life) signs() bool {
	return !l.foreign() && !l.SignsFrom.IsZero() && (l.RetiredAt.IsZero() || l.RetiredAt.After(l.SignsFrom))
}

// pending reports whether the key will sign but does not yet.
func (l Life) pending(now time.Time) bool {
	return !l.foreign() && l.RetiredAt.IsZero() && (l.SignsFrom.IsZero() || l.SignsFrom.After(now))
}

// published reports whether the key belongs in the key set.
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
	case !l.foreign() && (l.SignsUntil.IsZero() || now.Before(l.SignsUntil)):
		return Signing
	case l.published(now):
		return Old
	}
	return Gone
}

// started returns the key whose time to sign began last, even if it is retired.
// Where no key that is in use has begun, the first one that was made in the
// future signs, whatever its date: it was made by a clock that was wrong.
func started(lives []Life, now time.Time) (last Life, ok bool) {
	for _, l := range slices.Backward(lives) {
		if l.signs() && !l.SignsFrom.After(now) {
			last, ok = l, true
			break
		}
	}
	if ok && last.RetiredAt.IsZero() {
		return last, true
	}
	for _, l := range lives {
		if early(l, now) {
			return l, true
		}
	}
	return last, ok
}

// early reports whether a key in use has a time to sign in the future and was
// made in the future too.
func early(l Life, now time.Time) bool {
	return !l.foreign() && l.RetiredAt.IsZero() && !l.SignsFrom.IsZero() && l.SignsFrom.After(now) && l.CreatedAt.After(now)
}
