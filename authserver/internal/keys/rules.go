package keys

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The refusals of an operator's commands.
var (
	// ErrUnknownKey means that no key has that kid.
	ErrUnknownKey = errors.New("no signing key has this kid")
	// ErrPending means that the next key is published already.
	ErrPending = errors.New("the next signing key is published already")
)

// Change is what a rule decides about the signing keys.
type Change struct {
	Put  []store.Key // keys to store, in place of those with the same ids
	Drop []string    // ids of the keys to delete
}

// Rules say when keys come and go. Their methods decide from all keys of a
// database at one moment, and from nothing else. They run in a transaction that
// keeps all others from deciding, and may be called again if that is repeated.
//
// A rotation takes two steps. First a key is stored, and so published. Then the
// first server that finds it stored decides that it signs from Lead later on. A
// server may die or be suspended at any point for any time: no key signs that
// was not published for that long.
type Rules struct {
	// Every is the time from one key's first signature to its successor's. Zero
	// or less means that keys are replaced only by command.
	Every time.Duration
	// TokenTTL is the longest life of the tokens of this server.
	TokenTTL time.Duration
	// Make makes a key that does not sign yet.
	Make func(now time.Time) (store.Key, error)
}

// First makes the first key of a database that has none. It signs at once,
// because there is no verifier yet.
func (r Rules) First(rows []store.Key, now time.Time) (Change, error) {
	if len(rows) > 0 {
		return Change{}, nil // another server was first
	}
	return r.add(now, now)
}

// Next returns the step that is due at now. It is empty where no step is due.
// Another step may be due after it.
func (r Rules) Next(rows []store.Key, now time.Time) (Change, error) {
	var change Change
	lives := Lives(rows)
	if l, ok := started(lives, now); ok && early(l, now) {
		// It signs, and others begin to when its time comes by the dates of the
		// database. So it gets the date that it has.
		key := l.Key
		key.CreatedAt, key.SignsFrom, key.TokenTTL = now, now, max(key.TokenTTL, r.TokenTTL)
		return Change{Put: []store.Key{key}}, nil
	}
	for _, l := range lives {
		key := l.Key
		if l.foreign() || !l.published(now) || !l.SignsUntil.IsZero() && !now.Before(l.SignsUntil) {
			continue // does not sign any more, or never here
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

// due reports whether it is time to publish the next key.
func due(lives []Life, now time.Time, every time.Duration) bool {
	for _, l := range slices.Backward(lives) {
		if l.RetiredAt.IsZero() && !l.foreign() {
			return !now.Before(l.SignsFrom.Add(every - Lead))
		}
	}
	return false
}

// Rotate makes the next key now. The error is ErrPending where there is a next
// key already.
func (r Rules) Rotate(rows []store.Key, now time.Time) (Change, error) {
	lives := Lives(rows)
	signer, _ := started(lives, now)
	if slices.ContainsFunc(lives, func(l Life) bool { return l.pending(now) && l.ID != signer.ID }) {
		return Change{}, ErrPending
	}
	return r.rotate(lives, now)
}

// rotate publishes the next key, and drops the keys before the first one that
// is still published. The keys after that one are kept, because they decide how
// long it is published. One that only verifies decides nothing, and goes when it
// is not published any more.
func (r Rules) rotate(lives []Life, now time.Time) (Change, error) {
	change, err := r.add(now, time.Time{})
	if err != nil {
		return Change{}, err
	}
	deciding := false
	for _, l := range lives {
		published := l.published(now)
		deciding = deciding || published && !l.foreign()
		if !published && (l.foreign() || !deciding) {
			change.Drop = append(change.Drop, l.ID)
		}
	}
	return change, nil
}

// Retire takes a key out of use in an emergency, and wipes its private half.
// Where no key is left that signs, the next key or a new one takes over, as
// soon as it has been published for the seconds that other servers need to read
// it. Retiring a key again changes nothing. The error is ErrUnknownKey where
// there is no such key.
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

// add makes a key that signs from signsFrom on.
func (r Rules) add(now, signsFrom time.Time) (Change, error) {
	key, err := r.Make(now)
	if err != nil {
		return Change{}, err
	}
	key.SignsFrom, key.TokenTTL = signsFrom, r.TokenTTL
	return Change{Put: []store.Key{key}}, nil
}
