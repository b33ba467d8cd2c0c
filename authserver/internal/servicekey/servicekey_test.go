package servicekey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)

// rows is a table of service keys in memory.
type rows struct {
	keys []store.ServiceKey
	err  error
}

func (r *rows) AddServiceKey(_ context.Context, key store.ServiceKey) error {
	if r.err == nil {
		r.keys = append(r.keys, key)
	}
	return r.err
}

func (r *rows) ServiceKeys(context.Context) ([]store.ServiceKey, error) { return r.keys, r.err }

func (r *rows) RevokeServiceKey(_ context.Context, id string, at time.Time) error {
	if r.err != nil {
		return r.err
	}
	i := slices.IndexFunc(r.keys, func(k store.ServiceKey) bool { return k.ID == id })
	if i < 0 {
		return store.ErrNotFound
	}
	r.keys[i].RevokedAt = at
	return nil
}

// TestAdmit checks keys that are good, foreign, ended and unknown.
func TestAdmit(t *testing.T) {
	t.Parallel()
	table := &rows{}
	now := begin
	keys := Keys{Store: table, Now: func() time.Time { return now }, Random: rand.Reader}
	create := func(n New) (Key, string) {
		t.Helper()
		key, secret, err := keys.Create(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		return key, secret
	}
	_, chat := create(New{AppID: "chat"})
	_, brief := create(New{AppID: "chat", Operations: []string{Use, Grant}, Lifetime: time.Hour})
	ended, revoked := create(New{AppID: "chat"})
	_, picture := create(New{AppID: "picture"})
	if err := keys.Revoke(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	checker := NewChecker(CheckerConfig{Now: func() time.Time { return now }, Known: table.ServiceKeys, Single: "single"})
	for name, test := range map[string]struct {
		key, app, operation string
		after               time.Duration
		want                error
		as                  string // the app that is admitted, where it is not app
	}{
		"good":                        {key: chat, app: "chat", operation: Use},
		"usage is a usual operation":  {key: chat, app: "chat", operation: Usage},
		"grant has to be asked for":   {key: chat, app: "chat", operation: Grant, want: ErrNotAllowed},
		"another of the app":          {key: brief, app: "chat", operation: Grant},
		"not allowed":                 {key: brief, app: "chat", operation: Init, want: ErrNotAllowed},
		"no operation at all":         {key: chat, app: "chat", want: ErrNotAllowed},
		"just before its end":         {key: brief, app: "chat", operation: Use, after: time.Hour - time.Millisecond},
		"at its end":                  {key: brief, app: "chat", operation: Use, after: time.Hour, want: ErrUnknown},
		"revoked":                     {key: revoked, app: "chat", operation: Use, want: ErrUnknown},
		"of another app":              {key: picture, app: "chat", operation: Use, want: ErrUnknown},
		"for another app":             {key: chat, app: "picture", operation: Use, want: ErrUnknown},
		"for no app":                  {key: chat, operation: Use, as: "chat"},
		"longer":                      {key: chat + "x", app: "chat", operation: Use, want: ErrUnknown},
		"without its prefix":          {key: strings.TrimPrefix(chat, Prefix), app: "chat", operation: Use, want: ErrUnknown},
		"empty":                       {app: "chat", operation: Use, want: ErrUnknown},
		"the single key":              {key: "single", app: "any", operation: Use},
		"the single key, no app":      {key: "single", operation: Use},
		"V9 the single key grants":    {key: "single", app: "any", operation: Grant, want: ErrSingleNotAllowed},
		"almost the single key":       {key: "singl", app: "any", operation: Use, want: ErrUnknown},
		"the digest of a key":         {key: string(hash(chat)), app: "chat", operation: Use, want: ErrUnknown},
		"the digest of the single":    {key: string(hash("single")), app: "chat", operation: Use, want: ErrUnknown},
		"expired and not allowed too": {key: brief, app: "chat", operation: Init, after: time.Hour, want: ErrUnknown},
	} {
		now = begin.Add(test.after)
		as := test.app
		if test.as != "" {
			as = test.as
		}
		if test.want != nil {
			as = ""
		}
		if app, err := checker.Admit(t.Context(), test.key, test.app, test.operation); !errors.Is(err, test.want) || app != as {
			t.Errorf("%s: app %q, %v; want %q, %v", name, app, err, as, test.want)
		}
	}
	granting := NewChecker(CheckerConfig{Now: checker.now, Known: table.ServiceKeys, Single: "single", SingleOperations: []string{Grant}})
	if _, err := granting.Admit(t.Context(), "single", "any", Grant); err != nil {
		t.Errorf("grant is named: %v", err)
	}
	if _, err := granting.Admit(t.Context(), "single", "any", Use); !errors.Is(err, ErrSingleNotAllowed) {
		t.Errorf("use is not named: %v", err)
	}
	var other *OtherAppError
	if _, err := checker.Admit(t.Context(), picture, "chat", Use); !errors.As(err, &other) || *other != (OtherAppError{KeysApp: "picture", NamedApp: "chat"}) {
		t.Errorf("a key of another app: %v", err)
	}
	none := NewChecker(CheckerConfig{Now: func() time.Time { return begin }, Known: table.ServiceKeys})
	if _, err := none.Admit(t.Context(), "", "chat", Use); !errors.Is(err, ErrUnknown) {
		t.Errorf("the empty key without a single one: %v", err)
	}
}

func hash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// TestAdmitWithoutTheList: a key that could not be judged is neither good nor
// unknown, but for the single one, which needs no list.
func TestAdmitWithoutTheList(t *testing.T) {
	t.Parallel()
	down := errors.New("database is down")
	checker := NewChecker(CheckerConfig{
		Now: func() time.Time { return begin }, Known: (&rows{err: down}).ServiceKeys, Single: "single",
	})
	_, err := checker.Admit(t.Context(), "mana_sk_x", "chat", Use)
	if !errors.Is(err, down) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotAllowed) {
		t.Errorf("%v", err)
	}
	if _, err := checker.Admit(t.Context(), "single", "chat", Use); err != nil {
		t.Errorf("the single key: %v", err)
	}
}

// TestKeys makes, lists and revokes keys.
func TestKeys(t *testing.T) {
	t.Parallel()
	table := &rows{}
	keys := Keys{Store: table, Now: func() time.Time { return begin }, Random: rand.Reader}
	usualKey, secret, err := keys.Create(t.Context(), New{AppID: "chat"})
	if err != nil {
		t.Fatal(err)
	}
	brief, other, err := keys.Create(t.Context(), New{AppID: "chat", Operations: []string{Grant}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	at := begin.Truncate(time.Millisecond)
	want := []Key{
		{ID: usualKey.ID, AppID: "chat", CreatedAt: at,
			Operations: []string{"balance", "init", "use", "refund", "reserve", "commit", "refund-reservation", "transactions", "usage"}},
		{ID: brief.ID, AppID: "chat", CreatedAt: at, ExpiresAt: at.Add(time.Hour), Operations: []string{"grant"}},
	}
	if diff := cmp.Diff(want, []Key{usualKey, brief}); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if secret == other || !strings.HasPrefix(secret, Prefix) || len(secret) != len(Prefix)+43 { // 256 bits, base64url
		t.Errorf("secrets of %d characters", len(secret))
	}
	if err := keys.Revoke(t.Context(), brief.ID); err != nil {
		t.Fatal(err)
	}
	if err := keys.Revoke(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked nothing: %v", err)
	}
	want[1].RevokedAt = begin
	list, err := keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

// TestKeysRefused: a key that breaks a rule, or could not be stored, is none.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	table := &rows{}
	keys := Keys{Store: table, Now: func() time.Time { return begin }, Random: rand.Reader}
	operations := "[balance init use refund reserve commit refund-reservation transactions usage grant]"
	for _, test := range []struct {
		key  New
		want string
	}{
		{New{}, `"" is no app id: letters, digits, -, _ and ., at most 64`},
		{New{AppID: "a b"}, `"a b" is no app id: letters, digits, -, _ and ., at most 64`},
		{New{AppID: "unknown"}, `"unknown" is no app: it stands for services that name none`},
		{New{AppID: "chat", Lifetime: -1}, "lifetime -1ns is below zero"},
		{New{AppID: "chat", Operations: []string{"use", "steal"}}, `unknown operation "steal"; there are ` + operations},
	} {
		if _, _, err := keys.Create(t.Context(), test.key); err == nil || err.Error() != test.want {
			t.Errorf("%+v: %v, want %s", test.key, err, test.want)
		}
	}
	if len(table.keys) != 0 {
		t.Errorf("stored %+v", table.keys)
	}
	table.err = errors.New("database is down")
	if _, secret, err := keys.Create(t.Context(), New{AppID: "chat"}); !errors.Is(err, table.err) || secret != "" {
		t.Errorf("created without a database: %v", err)
	}
	if _, err := keys.List(t.Context()); !errors.Is(err, table.err) {
		t.Errorf("listed without a database: %v", err)
	}
	if err := keys.Revoke(t.Context(), "id"); !errors.Is(err, table.err) || errors.Is(err, ErrNotFound) {
		t.Errorf("revoked without a database: %v", err)
	}
	table.err, keys.Random = nil, strings.NewReader("")
	if _, _, err := keys.Create(t.Context(), New{AppID: "chat"}); err == nil || len(table.keys) != 0 {
		t.Errorf("created without random bits: %v", err)
	}
}
