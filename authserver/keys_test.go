package authserver

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// H146: 100 rotations on two servers, and verifiers that look at the key set
// every 10 minutes and not before. Whatever was signed in the 15 minutes
// before is good with every one of them.
func TestHundredRotations(t *testing.T) {
	t.Parallel()
	const rotations = 100
	f := newFleet(t, stores["SQLite"](t))
	f.start()
	f.start()
	verifiers := make([]verifier, 5)
	type signed struct {
		text string
		at   time.Time
	}
	var tokens []signed
	checked := 0
	const step = 2
	for minute := step; minute <= rotations*60+20; minute += step {
		f.advance(step*time.Minute, step*time.Minute)
		if minute%60 == 20 { // a rotation is over, and the next one far
			f.advance(22*time.Minute, 22*time.Minute)
			minute += 22
		}
		f.wellPublished()
		now := f.clock.Now()
		tokens = append(tokens, signed{f.mint(f.servers[minute/step%2]), now})
		for !now.Before(tokens[0].at.Add(15 * time.Minute)) {
			tokens = tokens[1:]
		}
		for i := range verifiers {
			if minute < 2*i {
				continue // each fetches at minutes of its own
			}
			for _, token := range []signed{tokens[0], tokens[len(tokens)-1]} {
				if fault := verifiers[i].verify(f, f.servers[(minute/step+i)%2], token.text); fault != "" {
					t.Fatalf("minute %d, verifier %d: %s of %s", minute, i, fault, kidOf(t, token.text))
				}
				checked++
			}
		}
	}
	if len(f.kids) != rotations+1 || checked < 15_000 {
		t.Errorf("%d keys, %d tokens checked", len(f.kids), checked)
	}
	if set := f.servers[0].keySet(t); len(set) != 1 {
		t.Errorf("%d keys are published after a rotation", len(set))
	}
}

// TestOneRotationAPeriod: of four servers that see at once that it is time,
// one rotates. Nothing private is in the database in the clear.
func TestOneRotationAPeriod(t *testing.T) {
	eachStore(t, func(f *fleet) {
		for range 4 {
			f.start()
		}
		seeds := map[string]string{}
		for period := range 8 {
			f.advance(time.Hour, time.Minute)
			f.wellPublished()
			if want := period + 2; len(f.kids) != want {
				f.Fatalf("%d keys after period %d, want %d", len(f.kids), period, want)
			}
			key, err := f.servers[0].keys.Ring().Signing(f.clock.Now())
			if err != nil {
				f.Fatal(err)
			}
			seeds[key.ID] = string(key.Private.Seed())
		}
		if len(seeds) != 8 {
			f.Errorf("%d keys signed in 8 periods", len(seeds))
		}
		rows, err := f.servers[0].store.SigningKeys(f.Context())
		if err != nil || len(rows) > 3 {
			f.Errorf("%d rows of keys, %v: the old ones are to go", len(rows), err)
		}
		var dump strings.Builder
		for _, row := range rows {
			dump.WriteString(row.ID + row.PublicKey + row.PrivateKey)
		}
		if f.config.Database.URL == "" {
			for _, suffix := range []string{"", "-wal"} {
				content, err := os.ReadFile(f.config.Database.SQLitePath + suffix)
				if err != nil {
					f.Fatal(err)
				}
				dump.Write(content)
			}
		}
		for kid, seed := range seeds {
			for form, text := range map[string]string{"raw": seed, "base64url": base64.RawURLEncoding.EncodeToString([]byte(seed))} {
				if strings.Contains(dump.String(), text) || strings.Contains(f.log.String(), text) {
					f.Errorf("the private key of %s is in the database or the log, %s", kid, form)
				}
			}
			if !strings.Contains(f.log.String(), "kid="+kid) {
				f.Errorf("the log does not tell of key %s", kid)
			}
		}
	})
}

// G177: a server that dies, loses its connection or is suspended at any point
// of a rotation leaves the others, or the next start, with keys that were
// published before they sign.
func TestRotationBroken(t *testing.T) {
	t.Parallel()
	for _, test := range breaks {
		for step, name := range []string{"publishing", "deciding when it signs"} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				eachStore(t, func(f *fleet) { f.breaks(test, step+1) })
			})
		}
	}
}

var errLost = errors.New("connection lost")

// breaks are the ways in which a step of a rotation may end. arm arms the
// hooks of the store for it; dies says that the server is gone after it.
var breaks = []breaking{
	{"before the statement", true, func(_ *fleet, s *faulty) { s.changing = func(func() error) error { return errLost } }},
	{"in the transaction", true, func(_ *fleet, s *faulty) { s.deciding = func() error { return errLost } }},
	{"after the commit", true, func(_ *fleet, s *faulty) {
		s.changing = func(change func() error) error { return errors.Join(change(), errLost) }
	}},
	{"suspended before the statement", false, func(f *fleet, s *faulty) {
		s.changing = func(change func() error) error { s.suspend(f); return change() }
	}},
	{"suspended in the transaction", false, func(f *fleet, s *faulty) {
		s.deciding = func() error { s.suspend(f); return nil }
	}},
	{"suspended after the commit", false, func(f *fleet, s *faulty) {
		s.changing = func(change func() error) error { defer s.suspend(f); return change() }
	}},
}

type breaking struct {
	name string
	dies bool
	arm  func(f *fleet, s *faulty)
}

// suspend has time pass in the middle of a call, more than the lead, and
// verifiers fetch what is published at the end of it.
func (s *faulty) suspend(f *fleet) {
	s.changing, s.deciding = nil, nil
	f.clock.Jump(40 * time.Minute)
	f.look()
}

// breaks lets a server break off the rotation at a step, has another one
// started, and follows what they sign with.
func (f *fleet) breaks(test breaking, step int) {
	var hooks faulty
	first := f.start(func(s store.Store) store.Store { hooks.Store = s; return &hooks })
	f.advance(44*time.Minute, time.Minute)
	begun := 0
	hooks.changing = func(change func() error) error {
		if begun++; begun < step {
			return change()
		}
		hooks.changing = nil
		test.arm(f, &hooks)
		if hooks.changing != nil {
			return hooks.changing(change)
		}
		return change()
	}
	f.clock.Advance(time.Minute)
	if begun < step {
		f.Fatalf("%d steps were begun", begun)
	}
	if test.dies {
		f.lose(first)
	}
	f.start()
	for range 50 {
		f.advance(time.Minute, time.Minute)
		f.wellPublished()
	}
	if len(f.kids) < 2 || len(f.kids) > 3 {
		f.Errorf("%d keys", len(f.kids))
	}
}

// H147: a key that is retired is out of every server's set within a second,
// its tokens are refused, and another one signs seconds later. A refresh in
// between costs nobody the session.
func TestRetireKey(t *testing.T) {
	eachStore(t, func(f *fleet) {
		a, b := f.start(), f.start()
		admin, err := OpenAdmin(f.Context(), f.config)
		if err != nil {
			f.Fatal(err)
		}
		defer admin.Close()
		h := f.harness(a)
		h.register("ann")
		tokens := h.login("ann")
		kid := kidOf(f.T, tokens.AccessToken)
		h.valid(tokens.AccessToken, "")
		for range 2 {
			if err := admin.RetireKey(f.Context(), kid); err != nil {
				f.Fatal(err)
			}
		}
		if err := admin.RetireKey(f.Context(), "other"); !errors.Is(err, ErrUnknownKey) {
			f.Errorf("an unknown key: %v", err)
		}
		f.advance(keys.PollInterval, keys.PollInterval)
		for i, r := range []*replica{a, b} {
			if set := r.keySet(f.T); len(set) != 1 || set[kid] != nil {
				f.Errorf("server %d publishes %d keys, the retired one among them: %t", i, len(set), set[kid] != nil)
			}
		}
		h.valid(tokens.AccessToken, wire.ValidateInvalidPrefix+"unknown signing key or header")
		// Every server publishes the next key by now. Two seconds are how late a
		// backend may hear of it that takes its feed for fresh.
		for _, late := range []time.Duration{0, 2 * time.Second} {
			f.advance(late, keys.PollInterval)
			if a := h.refresh(tokens.RefreshToken); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				f.Errorf("a refresh while no key signs, %s after all servers know the next: %d %v", late, a.status, a.header)
			}
		}
		if err := a.access.Ring().Ready(f.clock.Now()); err != nil {
			f.Errorf("not ready while the next key is about to sign: %v", err)
		}
		f.advance(40*time.Second, keys.PollInterval) // longer than the grace: the token was not spent
		next := h.refreshed(tokens.RefreshToken)
		h.valid(next.AccessToken, "")
		list, err := admin.Keys(f.Context())
		if err != nil || len(list) != 2 || list[0].ID != kid || list[0].State != "retired" || list[1].ID != kidOf(f.T, next.AccessToken) || list[1].State != "signing" {
			f.Errorf("keys %+v, %v", list, err)
		}
	})
}

// TestRotateKey: what an operator asks for goes the way of every rotation.
func TestRotateKey(t *testing.T) {
	eachStore(t, func(f *fleet) {
		f.config.Keys.Rotation = -1
		f.start()
		f.start()
		admin, err := OpenAdmin(f.Context(), f.config)
		if err != nil {
			f.Fatal(err)
		}
		defer admin.Close()
		f.advance(40*day, 10*day)
		f.wellPublished()
		if err := admin.RotateKey(f.Context()); err != nil {
			f.Fatal(err)
		}
		if err := admin.RotateKey(f.Context()); !errors.Is(err, ErrKeyPending) {
			f.Errorf("a second one at once: %v", err)
		}
		states := func() (got []string) {
			list, err := admin.Keys(f.Context())
			if err != nil {
				f.Fatal(err)
			}
			for _, key := range list {
				got = append(got, key.State)
			}
			return got
		}
		for _, step := range []struct {
			after time.Duration
			want  []string
		}{
			{0, []string{"signing", "next"}},
			{keys.Lead - time.Second, []string{"signing", "next"}},
			{time.Second, []string{"old", "signing"}},
			{16*time.Minute - time.Second, []string{"old", "signing"}},
			{time.Second, []string{"gone", "signing"}},
			{40 * day, []string{"gone", "signing"}},
		} {
			f.advance(step.after, max(step.after/20, time.Second))
			if diff := cmp.Diff(step.want, states()); diff != "" {
				f.Errorf("at %v (-want +got):\n%s", f.clock.Now(), diff)
			}
			f.wellPublished()
		}
		if len(f.kids) != 2 {
			f.Errorf("%d keys", len(f.kids))
		}
	})
}

// TestKeysUnreadable: while the database is away the last good set stands and
// signing ends within a minute. The log hears of it once.
func TestKeysUnreadable(t *testing.T) {
	eachStore(t, func(f *fleet) {
		var hooks faulty
		r := f.start(func(s store.Store) store.Store { hooks.Store = s; return &hooks })
		h := f.harness(r)
		h.register("ann")
		tokens := h.login("ann")
		before := h.do("GET", wire.JWKSPath, "")
		hooks.reading = func() error { return errors.New("database is away") }
		f.advance(time.Minute, time.Second)
		h.valid(tokens.AccessToken, "")
		if f.mint(r) == "" {
			f.Error("no signature within the minute")
		}
		f.advance(time.Second, time.Second)
		if a := h.refresh(tokens.RefreshToken); a.status != http.StatusServiceUnavailable {
			f.Errorf("signed by keys of a minute ago: %d", a.status)
		}
		f.advance(day, time.Hour)
		after := h.do("GET", wire.JWKSPath, "")
		if after.status != http.StatusOK || after.body != before.body || after.header.Get("ETag") != before.header.Get("ETag") {
			f.Errorf("the key set was %+v, is %+v", before, after)
		}
		hooks.reading = nil
		f.advance(time.Second, time.Second)
		h.valid(h.refreshed(tokens.RefreshToken).AccessToken, "")
		if n := strings.Count(f.log.String(), `msg="signing keys could not be read`); n != 1 || !strings.Contains(f.log.String(), "can be read again") {
			f.Errorf("the log tells of the fault %d times:\n%s", n, f.log)
		}
	})
}

// TestWrongKEKChangesNothing: neither a server nor an operator whose
// key-encryption key is another one writes to the keys, even if a rotation is
// overdue.
func TestWrongKEKChangesNothing(t *testing.T) {
	eachStore(t, func(f *fleet) {
		r := f.start()
		before, err := r.store.SigningKeys(f.Context())
		if err != nil {
			f.Fatal(err)
		}
		f.lose(r)
		f.clock.Advance(40 * day)
		wrong := f.config
		wrong.Keys.EncryptionKey = []byte(strings.Repeat("w", 32))
		if server, err := Open(f.Context(), wrong); err == nil || !strings.Contains(err.Error(), "does not open the private key") {
			f.Errorf("Open: %v, %v", server, err)
		}
		admin, err := OpenAdmin(f.Context(), wrong)
		if err != nil {
			f.Fatal(err)
		}
		defer admin.Close()
		for name, err := range map[string]error{
			"RotateKey": admin.RotateKey(f.Context()),
			"RetireKey": admin.RetireKey(f.Context(), before[0].ID),
		} {
			if err == nil || !strings.Contains(err.Error(), "does not open the private key") {
				f.Errorf("%s: %v", name, err)
			}
		}
		after, err := r.store.SigningKeys(f.Context())
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			f.Errorf("%v, keys (-before +after):\n%s", err, diff)
		}
	})
}

// TestAdminWithoutKeys: an operator's command does not make the first key.
func TestAdminWithoutKeys(t *testing.T) {
	eachStore(t, func(f *fleet) {
		admin, err := OpenAdmin(f.Context(), f.config)
		if err != nil {
			f.Fatal(err)
		}
		defer admin.Close()
		if err := admin.RotateKey(f.Context()); err == nil || !strings.Contains(err.Error(), "first start of a server makes one") {
			f.Errorf("RotateKey: %v", err)
		}
		if list, err := admin.Keys(f.Context()); err != nil || len(list) != 0 {
			f.Errorf("keys %+v, %v", list, err)
		}
	})
}

// TestAdminMakesNoKeyFile: where the file was lost, another would not open a
// thing.
func TestAdminMakesNoKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	openOnce(t, path, Config{})
	if err := os.Remove(path + ".key"); err != nil {
		t.Fatal(err)
	}
	admin, err := OpenAdmin(t.Context(), Config{Database: Database{SQLitePath: path}})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.RotateKey(t.Context()); !errors.Is(err, keys.ErrNoKeyFile) {
		t.Errorf("RotateKey: %v", err)
	}
	if _, err := os.Stat(path + ".key"); err == nil {
		t.Error("a key file was made")
	}
}
