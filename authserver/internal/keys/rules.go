package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// What an operator may ask for in vain.
var (
	// ErrUnknownKey: there is no key with that kid.
	ErrUnknownKey = errors.New("no signing key has this kid")
	// ErrPending: the next key is published already.
	ErrPending = errors.New("the next signing key is published already")
)

// Change is what is to become of the signing keys.
type Change struct {
	Put  []store.Key // stored: new, or in place of the one with the same id
	Drop []string    // ids
}

// Rules say when keys come and go. Their methods decide over all keys of a
// database, at one moment and without a look at anything else, in a transaction
// that keeps others from deciding. They may be asked more than once.
//
// A rotation takes two steps: a key is stored, and so published; then whoever
// finds it stored says from when it signs, Lead later. A server that dies or is
// suspended between any two instructions, for however long, so leaves no key
// behind that signs without having been published for that time.
type Rules struct {
	// Every is the time from one key's first signature to its successor's.
	// Not above zero: keys are replaced when somebody asks for it.
	Every time.Duration
	// TokenTTL is the longest life of the tokens of this server.
	TokenTTL time.Duration
	// Make makes a key that does not sign yet.
	Make func(now time.Time) (store.Key, error)
}

// First makes the first key of a database that has none. It signs at once:
// there is no verifier yet.
func (r Rules) First(rows []store.Key, now time.Time) (Change, error) {
	if len(rows) > 0 {
		return Change{}, nil // another server was first
	}
	return r.add(now, now)
}

// Next is the step that is due at now, empty where there is none. Another may
// be due after it.
func (r Rules) Next(rows []store.Key, now time.Time) (Change, error) {
	var change Change
	lives := Lives(rows)
	for _, l := range lives {
		key := l.Key
		if !l.published(now) || !l.SignsUntil.IsZero() && !now.Before(l.SignsUntil) {
			continue // signs no more
		}
		key.TokenTTL = max(key.TokenTTL, r.TokenTTL)
		if key.SignsFrom.IsZero() {
			key.SignsFrom = now.Add(Lead)
		}
		if key != l.Key {
			change.Put = append(change.Put, key)
		}
	}
	if len(change.Put) > 0 || r.Every <= 0 || !due(lives, now, r.Every) {
		return change, nil
	}
	return r.rotate(lives, now)
}

// due says whether it is time to publish the next key.
func due(lives []Life, now time.Time, every time.Duration) bool {
	for _, l := range slices.Backward(lives) {
		if l.RetiredAt.IsZero() {
			return !now.Before(l.SignsFrom.Add(every - Lead))
		}
	}
	return false
}

// Rotate makes the next key now. ErrPending where there is one.
func (r Rules) Rotate(rows []store.Key, now time.Time) (Change, error) {
	lives := Lives(rows)
	if slices.ContainsFunc(lives, func(l Life) bool { return l.pending(now) }) {
		return Change{}, ErrPending
	}
	return r.rotate(lives, now)
}

// rotate publishes the next key, and drops those before the first that is
// still published: those behind it say until when it is.
func (r Rules) rotate(lives []Life, now time.Time) (Change, error) {
	change, err := r.add(now, time.Time{})
	if err != nil {
		return Change{}, err
	}
	for _, l := range lives {
		if l.published(now) {
			break
		}
		change.Drop = append(change.Drop, l.ID)
	}
	return change, nil
}

// Retire takes a key out of use in an emergency, and wipes its private half.
// Where nothing is left that signs, the next key does so, or a new one: at
// once, if it has been published for the seconds that the other servers need
// to see it. To retire a key again changes nothing. ErrUnknownKey where there
// is no such key.
func (r Rules) Retire(rows []store.Key, now time.Time, kid string) (Change, error) {
	i := slices.IndexFunc(rows, func(k store.Key) bool { return k.ID == kid })
	if i < 0 {
		return Change{}, fmt.Errorf("%w: %s", ErrUnknownKey, kid)
	}
	if !rows[i].RetiredAt.IsZero() {
		return Change{}, nil
	}
	rows = slices.Clone(rows)
	rows[i].RetiredAt, rows[i].PrivateKey = now, ""
	change := Change{Put: []store.Key{rows[i]}}
	lives := Lives(rows)
	if l, ok := started(lives, now); ok && l.RetiredAt.IsZero() {
		return change, nil
	}
	if i := slices.IndexFunc(lives, func(l Life) bool { return l.pending(now) }); i >= 0 {
		key := lives[i].Key
		soon := key.CreatedAt.Add(settling)
		if soon.Before(now) {
			soon = now
		}
		if key.SignsFrom.IsZero() || soon.Before(key.SignsFrom) {
			key.SignsFrom = soon
		}
		change.Put = append(change.Put, key)
		return change, nil
	}
	added, err := r.add(now, now.Add(settling))
	change.Put = append(change.Put, added.Put...)
	return change, err
}

// add makes a key that signs from an instant on.
func (r Rules) add(now, signsFrom time.Time) (Change, error) {
	key, err := r.Make(now)
	if err != nil {
		return Change{}, err
	}
	key.SignsFrom, key.TokenTTL = signsFrom, r.TokenTTL
	return Change{Put: []store.Key{key}}, nil
}
