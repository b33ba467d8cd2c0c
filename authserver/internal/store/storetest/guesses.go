package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// failures: what failed is listed in the order of its number, with an age, and
// forgotten by it.
func failures(t *testing.T, s store.Store) {
	want := []store.Failure{
		{Subject: digest("ann"), Source: 1, Count: 3},
		{Subject: digest("bob"), Source: 1<<55 - 1, Count: 1},
		{Subject: digest("ann"), Source: 2, Count: 2},
	}
	for _, some := range [][]store.Failure{want[:2], want[2:]} {
		if err := s.AddFailures(t.Context(), some); err != nil {
			t.Fatal(err)
		}
	}
	list := func(after int64, limit int) []store.Failure {
		t.Helper()
		got, err := s.Failures(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := list(0, 10)
	var last int64
	for i, f := range all {
		if f.Seq <= last || f.Age < 0 || f.Age > time.Minute {
			t.Errorf("failure %d has the number %d and the age %v", i, f.Seq, f.Age)
		}
		last = f.Seq
		all[i].Seq, all[i].Age = 0, 0
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if first := list(0, 1); len(first) != 1 || len(list(first[0].Seq, 10)) != 2 || len(list(last, 10)) != 0 {
		t.Error("a page is not what stands behind a number")
	}
	for _, step := range []struct {
		age  time.Duration
		left int
	}{{time.Hour, 3}, {-time.Minute, 0}} {
		if err := s.ForgetFailures(t.Context(), step.age); err != nil {
			t.Fatal(err)
		}
		if got := list(0, 10); len(got) != step.left {
			t.Errorf("%d failures are left after those of %v are forgotten", len(got), step.age)
		}
	}
}

// devices: a user's devices are known until their session was stolen, the user
// is gone or others have taken their place.
func devices(t *testing.T, s store.Store) {
	ann, bob := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	add := func(name, user, session string, at time.Time) {
		t.Helper()
		do(t, s, func(tx store.Tx) error {
			return tx.AddDevice(store.Device{Digest: digest(name), UserID: user, SessionID: session, At: at})
		})
	}
	known := func(want map[string]bool) {
		t.Helper()
		for name, want := range want {
			if got, err := s.KnownDevice(t.Context(), digest(name)); err != nil || got != want {
				t.Errorf("%s is known: %v, %v, want %v", name, got, err, want)
			}
		}
	}
	add("phone", ann.user.ID, "one", start)
	add("laptop", ann.user.ID, "two", start)
	add("tablet", bob.user.ID, "three", start)
	add("phone", ann.user.ID, "four", start.Add(time.Minute))
	do(t, s, func(tx store.Tx) error { return tx.ForgetDevices("one") }) // not the latest of the phone
	do(t, s, func(tx store.Tx) error { return tx.ForgetDevices("two") })
	known(map[string]bool{"phone": true, "laptop": false, "tablet": true, "other": false})
	for i := range store.MaxDevices {
		add(fmt.Sprint("device ", i), ann.user.ID, "five", start.Add(time.Hour+time.Duration(i)*time.Second))
	}
	known(map[string]bool{"phone": false, "device 0": true, fmt.Sprint("device ", store.MaxDevices-1): true, "tablet": true})
}
