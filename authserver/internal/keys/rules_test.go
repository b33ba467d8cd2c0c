package keys

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	every = 24 * time.Hour
	ttl   = 15 * time.Minute
)

// table is a database of signing keys and a clock.
type table struct {
	*testing.T
	rules Rules
	rows  []store.Key
	now   time.Time
	made  int
}

func newTable(t *testing.T) *table {
	tab := &table{T: t, now: created}
	tab.rules = Rules{Every: every, TokenTTL: ttl, Make: func(now time.Time) (store.Key, error) {
		tab.made++
		return store.Key{ID: fmt.Sprint("k", tab.made), PrivateKey: "sealed", CreatedAt: now}, nil
	}}
	tab.apply(tab.rules.First)
	return tab
}

// apply does what a rule decides and returns how many keys that puts.
func (t *table) apply(rule func([]store.Key, time.Time) (Change, error)) int {
	t.Helper()
	before := slices.Clone(t.rows)
	change, err := rule(t.rows, t.now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, t.rows); diff != "" {
		t.Errorf("the rule changed what it was shown:\n%s", diff)
	}
	for _, key := range change.Put {
		if i := slices.IndexFunc(t.rows, func(k store.Key) bool { return k.ID == key.ID }); i >= 0 {
			t.rows[i] = key
		} else {
			t.rows = append(t.rows, key)
		}
	}
	t.rows = slices.DeleteFunc(t.rows, func(k store.Key) bool { return slices.Contains(change.Drop, k.ID) })
	return len(change.Put)
}

// settle takes the steps that are due.
func (t *table) settle() {
	t.Helper()
	for {
		if t.apply(t.rules.Next) == 0 {
			return
		}
	}
}

func (t *table) retire(kid string) {
	t.Helper()
	t.apply(func(rows []store.Key, now time.Time) (Change, error) { return t.rules.Retire(rows, now, kid) })
}

// is checks the states of the keys at an instant, counted from the beginning.
func (t *table) is(after time.Duration, want ...string) {
	t.Helper()
	var got []string
	for _, l := range Lives(t.rows) {
		got = append(got, l.ID+" "+string(l.State(created.Add(after))))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %v (-want +got):\n%s", after, diff)
	}
}

func (t *table) at(after time.Duration) { t.now = created.Add(after) }

// TestO5ClockBackAfterTheFirstStart: a key that was made by a clock that was wrong
// signs, gets its true date, and can be replaced.
func TestO5ClockBackAfterTheFirstStart(t *testing.T) {
	t.Parallel()
	const kid = "first"
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	wrong := now.Add(time.Hour)
	rows := []store.Key{{ID: kid, CreatedAt: wrong, SignsFrom: wrong, TokenTTL: time.Minute}}
	if l, ok := started(Lives(rows), now); !ok || l.ID != kid {
		t.Errorf("%s signs, %v", l.ID, ok)
	}
	rules := Rules{TokenTTL: time.Minute, Make: func(now time.Time) (store.Key, error) { return store.Key{ID: "next", CreatedAt: now}, nil }}
	if change, err := rules.Rotate(rows, now); err != nil || len(change.Put) != 1 {
		t.Errorf("rotate: %+v, %v", change, err)
	}
	change, err := rules.Next(rows, now)
	if err != nil || len(change.Put) != 1 || !change.Put[0].SignsFrom.Equal(now) || !change.Put[0].CreatedAt.Equal(now) {
		t.Fatalf("%+v, %v", change, err)
	}
	if change, err := rules.Next(change.Put, now); err != nil || len(change.Put) != 0 {
		t.Errorf("once more: %+v, %v", change, err)
	}
	// A key that was made in the past is published before it signs, whatever
	// becomes of the others.
	next := []store.Key{{ID: "next", CreatedAt: now.Add(-time.Second), SignsFrom: now.Add(time.Second)}}
	if _, ok := started(Lives(next), now); ok {
		t.Error("a key signs that others may not have read")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.settle()
	tab.is(0, "k1 signing")
	tab.at(every - Lead - 1)
	tab.settle()
	tab.is(every, "k1 signing")
	tab.at(every - Lead)
	if tab.apply(tab.rules.Next) != 1 || !tab.rows[1].SignsFrom.IsZero() {
		t.Errorf("after the first step: %+v", tab.rows)
	}
	// However late the second step is taken, the lead counts from there.
	tab.is(2*every, "k1 signing", "k2 next")
	tab.at(every + 6*time.Hour)
	tab.settle()
	begin := every + 6*time.Hour + Lead
	tab.is(begin-1, "k1 signing", "k2 next")
	tab.is(begin, "k1 old", "k2 signing")
	tab.is(begin+ttl+tail-1, "k1 old", "k2 signing")
	tab.is(begin+ttl+tail, "k1 gone", "k2 signing")
	tab.at(begin + every)
	tab.settle()
	tab.is(begin+every, "k2 signing", "k3 next") // and k1 is dropped
}

func TestFirstKeyIsOne(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	if n := tab.apply(tab.rules.First); n != 0 || len(tab.rows) != 1 {
		t.Errorf("a second first key: %v", tab.rows)
	}
}

func TestRotationOnDemandAlone(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.rules.Every = -1
	tab.at(1000 * every)
	tab.settle()
	tab.is(1000*every, "k1 signing")
	tab.apply(tab.rules.Rotate)
	for range 2 {
		if _, err := tab.rules.Rotate(tab.rows, tab.now); !errors.Is(err, ErrPending) {
			t.Errorf("Rotate with the next key published: %v", err)
		}
		tab.settle()
	}
	tab.is(1000*every+Lead, "k1 old", "k2 signing")
}

// TestLongerTokens: a server whose tokens live longer keeps the key published
// for longer, before it signs one.
func TestLongerTokens(t *testing.T) {
	t.Parallel()
	tab := newTable(t)
	tab.rules.TokenTTL = 3 * time.Hour
	tab.settle()
	tab.rules.TokenTTL = ttl
	tab.at(every - Lead)
	tab.settle()
	tab.is(every+3*time.Hour, "k1 old", "k2 signing")
	tab.is(every+3*time.Hour+tail, "k1 gone", "k2 signing")
	// A key that signs no more has no longer tokens.
	tab.at(every)
	tab.rules.TokenTTL = 20 * time.Hour
	tab.settle()
	tab.is(every+3*time.Hour+tail, "k1 gone", "k2 signing")
}

func TestRetire(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		at     time.Duration // from the beginning; the next key is published at every-Lead
		retire []string
		after  time.Duration
		want   []string
	}{
		{"the only one", time.Hour, []string{"k1"}, time.Hour, []string{"k1 retired", "k2 next"}},
		{"the only one, settled", time.Hour, []string{"k1"}, time.Hour + settling, []string{"k1 retired", "k2 signing"}},
		{"twice", time.Hour, []string{"k1", "k1"}, time.Hour + settling, []string{"k1 retired", "k2 signing"}},
		{"its successor too", time.Hour, []string{"k1", "k2"}, time.Hour + settling, []string{"k1 retired", "k2 retired", "k3 signing"}},
		{"the next one takes over", every - time.Minute, []string{"k1"}, every - time.Minute, []string{"k1 retired", "k2 signing"}},
		{"the next one is new", every - Lead + time.Second, []string{"k1"}, every - Lead + time.Second, []string{"k1 retired", "k2 next"}},
		{"the next one is new, settled", every - Lead + time.Second, []string{"k1"}, every - Lead + settling, []string{"k1 retired", "k2 signing"}},
		{"about to sign", every - time.Second, []string{"k1"}, every - time.Second, []string{"k1 retired", "k2 signing"}},
		{"the next one", every - time.Minute, []string{"k2"}, every - time.Minute, []string{"k1 signing", "k2 retired", "k3 next"}},
		{"the next one, its time", every - time.Minute, []string{"k2"}, every + time.Minute, []string{"k1 signing", "k2 retired", "k3 next"}},
		{"both", every - time.Minute, []string{"k1", "k2"}, every, []string{"k1 retired", "k2 retired", "k3 signing"}},
		{"the old one", every + time.Minute, []string{"k1"}, every + time.Minute, []string{"k1 retired", "k2 signing"}},
		{"the new one", every + time.Minute, []string{"k2"}, every + 2*time.Minute, []string{"k1 old", "k2 retired", "k3 signing"}},
		{"the new one, old tokens", every + time.Minute, []string{"k2"}, every + ttl + tail, []string{"k1 gone", "k2 retired", "k3 signing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tab := newTable(t)
			tab.at(min(test.at, every-Lead))
			tab.settle()
			tab.at(test.at)
			for _, kid := range test.retire {
				tab.retire(kid)
			}
			tab.settle()
			tab.is(test.after, test.want...)
			for _, row := range tab.rows {
				if row.RetiredAt.IsZero() == (row.PrivateKey == "") {
					t.Errorf("%s: retired at %v, private key %q", row.ID, row.RetiredAt, row.PrivateKey)
				}
			}
			tab.at(test.at + 3*every)
			tab.settle()
			if last := Lives(tab.rows); last[len(last)-1].State(tab.now) != Next {
				t.Error("the rotation does not go on")
			}
		})
	}
	tab := newTable(t)
	if _, err := tab.rules.Retire(tab.rows, tab.now, "other"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
}

// TestSigningNeedsFreshKeys: what was read too long ago may lack the next key.
func TestSigningNeedsFreshKeys(t *testing.T) {
	t.Parallel()
	kek := make([]byte, KEKBytes)
	old, next := newKey(t, "old", kek), newKey(t, "next", kek)
	next.SignsFrom = created.Add(30 * time.Second)
	ring, err := Load([]store.Key{old, next}, kek, created)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		kid   string
		err   error
	}{
		{-time.Second, "old", nil}, // the clock went back before the first key
		{0, "old", nil},
		{30*time.Second - 1, "old", nil},
		{30 * time.Second, "next", nil},
		{freshness, "next", nil},
		{freshness + 1, "", ErrStale},
	} {
		key, err := ring.Signing(created.Add(test.after))
		if key.ID != test.kid || !errors.Is(err, test.err) {
			t.Errorf("after %v: %q, %v; want %q, %v", test.after, key.ID, err, test.kid, test.err)
		}
	}
	if freshness >= Lead {
		t.Error("a key can begin to sign unseen")
	}
}
