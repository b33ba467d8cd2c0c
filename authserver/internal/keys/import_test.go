package keys

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// deployment is a database of signing keys and its operator.
type deployment struct {
	*testing.T
	Operator
	db    *memory
	kek   []byte
	clock *clocktest.Clock
}

// newDeployment makes one whose keys began to sign so long ago.
func newDeployment(t *testing.T, name string, ages map[string]time.Duration) *deployment {
	t.Helper()
	h := &deployment{T: t, db: &memory{}, kek: kekOf(name), clock: clocktest.New(created)}
	for kid, age := range ages {
		key := newKey(t, kid, h.kek)
		key.CreatedAt, key.SignsFrom = created.Add(-age-Lead), created.Add(-age)
		h.db.rows = append(h.db.rows, key)
	}
	c := config(t, h.db, h.clock, &bytes.Buffer{})
	c.KEK, c.Every = KEKSource{Key: h.kek}, 30*24*time.Hour
	h.Operator = NewOperator(c)
	return h
}

// takes imports the keys of another deployment.
func (h *deployment) takes(other *deployment, want ...string) {
	h.Helper()
	document, _, err := other.Export(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	kids, err := h.Import(h.Context(), document, other.kek)
	if slices.Sort(kids); err != nil || !slices.Equal(kids, want) {
		h.Fatalf("imported %q, %v, want %q", kids, err, want)
	}
}

// publishes checks which keys are published so long after the beginning, and
// which one signs.
func (h *deployment) publishes(after time.Duration, signer string, want ...string) {
	h.Helper()
	now := created.Add(after)
	ring, err := Load(h.db.rows, h.kek, now)
	if err != nil {
		h.Fatal(err)
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(ring.Published()))); diff != "" {
		h.Errorf("published after %v (-want +got):\n%s", after, diff)
	}
	if key, err := ring.Signing(now); err != nil || key.ID != signer {
		h.Errorf("after %v %q signs, %v, want %q", after, key.ID, err, signer)
	}
}

const kept = ttl + tail // how long tokens under way keep a key published

// TestImportShortensNoOtherKey: a key of another deployment that began to sign between
// two keys of this one leaves them as they are.
func TestImportShortensNoOtherKey(t *testing.T) {
	t.Parallel()
	h := newDeployment(t, "here", map[string]time.Duration{"old": 24 * time.Hour, "signer": 5 * time.Minute})
	h.publishes(0, "signer", "old", "signer")
	h.takes(newDeployment(t, "there", map[string]time.Duration{"foreign": 20 * time.Minute}), "foreign")
	h.publishes(0, "signer", "foreign", "old", "signer")
	h.publishes(kept-5*time.Minute-1, "signer", "foreign", "old", "signer")
	h.publishes(kept-5*time.Minute, "signer", "foreign", "signer")
}

// TestImportedKeyIsPublished: tokens that another deployment signed until it handed
// over its keys are accepted until they expire, however long ago its keys and
// that of this house began to sign.
func TestImportedKeyIsPublished(t *testing.T) {
	t.Parallel()
	h := newDeployment(t, "here", map[string]time.Duration{"signer": 20 * 24 * time.Hour})
	other := newDeployment(t, "there", map[string]time.Duration{"foreign": 25 * 24 * time.Hour, "former": 28 * 24 * time.Hour})
	other.db.rows[slices.IndexFunc(other.db.rows, func(k store.Key) bool { return k.ID == "foreign" })].TokenTTL = time.Hour
	h.takes(other, "foreign", "former")
	h.publishes(0, "signer", "foreign", "former", "signer")
	h.publishes(kept-1, "signer", "foreign", "former", "signer")
	h.publishes(kept, "signer", "foreign", "signer")
	h.publishes(time.Hour+tail-1, "signer", "foreign", "signer")
	h.publishes(time.Hour+tail, "signer", "signer")

	// What the other deployment signed meanwhile is accepted when its keys come again.
	h.clock.Jump(10 * time.Minute)
	h.takes(other, "foreign", "former")
	h.publishes(10*time.Minute+kept-1, "signer", "foreign", "former", "signer")
	h.publishes(10*time.Minute+kept, "signer", "foreign", "signer")

	// It neither signs nor is in the way of those that do, and goes when one of
	// them is made.
	if err := h.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Rotate(t.Context()); !errors.Is(err, ErrPending) {
		t.Errorf("the next key is published already: %v", err)
	}
	next := h.db.rows[len(h.db.rows)-1].ID
	h.publishes(10*time.Minute+Lead, next, slices.Sorted(slices.Values([]string{"foreign", "former", "signer", next}))...)
	h.clock.Jump(3 * time.Hour)
	if err := h.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(h.db.rows, func(k store.Key) bool { return k.ID == "foreign" || k.ID == "former" }) {
		t.Error("the other deployment's keys are still there")
	}
}

// TestImportOfNewerKeys: of keys that began to sign after the present one the
// last becomes the next, and those before it are published as long as their
// tokens live.
func TestImportOfNewerKeys(t *testing.T) {
	t.Parallel()
	h := newDeployment(t, "here", map[string]time.Duration{"signer": 20 * 24 * time.Hour})
	h.takes(newDeployment(t, "there", map[string]time.Duration{"first": 10 * 24 * time.Hour, "second": time.Hour, "third": -time.Hour}), "first", "second", "third")
	if err := change(t.Context(), h.config, h.kek, h.config.rules(h.kek).Next); err != nil {
		t.Fatal(err)
	}
	h.publishes(kept-1, "third", "first", "second", "signer", "third")
	h.publishes(Lead-1, "signer", "first", "second", "signer", "third")
	h.publishes(kept, "third", "signer", "third")
}

// TestImportedKeyRetires: a key of another deployment is taken out of use like any
// other, and does not come back by another import.
func TestImportedKeyRetires(t *testing.T) {
	t.Parallel()
	h := newDeployment(t, "here", map[string]time.Duration{"signer": time.Hour})
	other := newDeployment(t, "there", map[string]time.Duration{"foreign": 2 * time.Hour})
	h.takes(other, "foreign")
	if err := h.Retire(t.Context(), "foreign"); err != nil {
		t.Fatal(err)
	}
	h.publishes(0, "signer", "signer")
	h.takes(other)
	h.publishes(0, "signer", "signer")
}

// TestImportedKeysMoveOn: the keys that a deployment has from another one come to a
// third, which is empty, as they are, and do not sign there either. One that has
// no key of its own could not sign at all.
func TestImportedKeysMoveOn(t *testing.T) {
	t.Parallel()
	h := newDeployment(t, "here", map[string]time.Duration{"signer": time.Hour})
	other := newDeployment(t, "there", map[string]time.Duration{"foreign": 2 * time.Hour})
	h.takes(other, "foreign")
	third := newDeployment(t, "third", nil)
	third.takes(h, "foreign", "signer")
	third.publishes(kept-1, "signer", "foreign", "signer")
	third.publishes(kept, "signer", "signer")

	h.db.rows = slices.DeleteFunc(h.db.rows, func(k store.Key) bool { return k.ID == "signer" })
	document, _, err := h.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newDeployment(t, "fourth", nil).Import(t.Context(), document, h.kek); err == nil || !strings.Contains(err.Error(), "none of the keys") {
		t.Errorf("keys of which none signs: %v", err)
	}
}
