package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/pgtest"
)

func TestPending(t *testing.T) {
	t.Parallel()
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		all = append(all, file.Name())
	}
	for name, url := range map[string]string{"empty": pgtest.New(t), "existing": pgtest.Existing(t)} {
		pending := func() []string {
			t.Helper()
			names, err := Pending(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			return names
		}
		before := dump(t, url)
		if diff := cmp.Diff(all, pending()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(before, dump(t, url)); diff != "" {
			t.Errorf("%s was changed (-before +after):\n%s", name, diff)
		}
		open(t, url)
		if names := pending(); len(names) != 0 {
			t.Errorf("%s, up to date: %q", name, names)
		}
		pgtest.Exec(t, url, "DELETE FROM auth.manacore_migrations WHERE name = (SELECT max(name) FROM auth.manacore_migrations)")
		if diff := cmp.Diff(all[len(all)-1:], pending()); diff != "" {
			t.Errorf("%s, one migration behind (-want +got):\n%s", name, diff)
		}
	}
}
