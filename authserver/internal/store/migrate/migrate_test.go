package migrate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// memory is a Database whose transactions take effect as a whole.
type memory struct {
	made    []string // what steps ran, in their order
	record  []string // nil: there is none
	older   []string // what an older record stands for
	refused bool     // programs that know only the older record refuse the database
	fails   map[string]error
	before  func(*memory) // runs before each transaction
}

func (m *memory) InTx(_ context.Context, f func(Tx) error) error {
	if m.before != nil {
		m.before(m)
	}
	changed := *m
	changed.made, changed.record = slices.Clone(m.made), slices.Clone(m.record)
	if err := f(&changed); err != nil {
		return err
	}
	*m = changed
	return nil
}

func (m *memory) Applied(context.Context) ([]string, error) {
	if m.record == nil {
		return m.older, m.fails["applied"]
	}
	return m.record, m.fails["applied"]
}

func (m *memory) Exec(_ context.Context, statements string) error {
	m.made = append(m.made, statements)
	return m.fails[statements]
}

func (m *memory) Add(_ context.Context, name string) error {
	m.record = append(m.record, name)
	return m.fails["add "+name]
}

func (m *memory) Supersede(context.Context) error {
	m.refused = true
	return m.fails["supersede"]
}

var four = []Step{{Record, "record"}, {"1.sql", "one"}, {"2.sql", "two"}, {"3.sql", "three"}}

func TestSteps(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"m/00002_b.sql": {Data: []byte("two")}, "m/00001_a.sql": {Data: []byte("one")}, "m/" + Record: {Data: []byte("record")},
		"m/notes.txt": {}, "other/00003_c.sql": {},
	}
	steps, err := Steps(files, "m")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Step{{Record, "record"}, {"00001_a.sql", "one"}, {"00002_b.sql", "two"}}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	for _, dir := range []string{"other", "nowhere"} {
		if steps, err := Steps(files, dir); err == nil {
			t.Errorf("%s, which has no record: %v", dir, steps)
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	all := Names(four)
	for _, test := range []struct {
		name    string
		before  memory
		made    []string
		record  []string
		refused bool
	}{
		{name: "empty", made: []string{"record", "one", "two", "three"}, record: all, refused: true},
		{name: "older record", before: memory{older: all[1:3]}, made: []string{"record", "three"}, record: []string{all[0], all[1], all[2], all[3]}, refused: true},
		{name: "older record that has everything", before: memory{older: all[1:]}, made: []string{"record"}, record: all, refused: true},
		{name: "O28 older record with a gap", before: memory{older: []string{all[1], all[3]}}, made: []string{"record", "two"}, record: []string{all[0], all[1], all[3], all[2]}, refused: true},
		{name: "O28 gap", before: memory{record: []string{all[0], all[1], all[3]}}, made: []string{"two"}, record: []string{all[0], all[1], all[3], all[2]}},
		{name: "up to date", before: memory{record: all}, record: all},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := test.before
			if err := Run(t.Context(), &m, four); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.made, m.made); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.record, m.record); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if m.refused != test.refused {
				t.Errorf("superseded: %v", m.refused)
			}
		})
	}
}

// TestRunStops at whatever fails, with its error and the step's name, keeps the
// steps before it, and completes when it is tried again.
func TestRunStops(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fails string
		made  []string
		says  string
	}{
		{"applied", nil, "broken"},
		{"record", nil, Record + ": broken"},
		{"supersede", nil, Record + ": broken"},
		{"add " + Record, nil, Record + ": enter " + Record + " in the record: broken"},
		{"two", []string{"record", "one"}, "2.sql: broken"},
		{"add 3.sql", []string{"record", "one", "two"}, "3.sql: enter 3.sql in the record: broken"},
	} {
		t.Run(test.fails, func(t *testing.T) {
			t.Parallel()
			broken := errors.New("broken")
			m := memory{fails: map[string]error{test.fails: broken}}
			err := Run(t.Context(), &m, four)
			if !errors.Is(err, broken) || err.Error() != test.says {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if diff := cmp.Diff(test.made, m.made); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
			maps.DeleteFunc(m.fails, func(string, error) bool { return true })
			if err := Run(t.Context(), &m, four); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"record", "one", "two", "three"}, m.made); diff != "" {
				t.Errorf("after another run (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRunBesideAnother: what another process ran between two transactions does
// not run again, and a newer program that comes in between is noticed.
func TestRunBesideAnother(t *testing.T) {
	t.Parallel()
	transactions := 0
	m := memory{before: func(m *memory) {
		if transactions++; transactions == 2 {
			m.made, m.record = append(m.made, "one", "two"), append(m.record, "1.sql", "2.sql")
		}
	}}
	if err := Run(t.Context(), &m, four); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"record", "one", "two", "three"}, m.made); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}

	m = memory{before: func(m *memory) {
		if m.record != nil {
			m.record = append(m.record, "9.sql")
		}
	}}
	var newer *store.NewerSchema
	if err := Run(t.Context(), &m, four); !errors.As(err, &newer) || !slices.Equal(m.made, []string{"record"}) {
		t.Errorf("ran %q, %v", m.made, err)
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	all := Names(four)
	for _, test := range []struct{ applied, want []string }{
		{nil, all},
		{all, nil},
		{[]string{all[0], all[2]}, []string{all[1], all[3]}},
	} {
		pending, err := Pending(four, test.applied)
		if diff := cmp.Diff(test.want, Names(pending)); diff != "" || err != nil {
			t.Errorf("%q applied: %v (-want +got):\n%s", test.applied, err, diff)
		}
	}
	_, err := Pending(four, []string{"9.sql", all[0], "8.sql"})
	var newer *store.NewerSchema
	if !errors.As(err, &newer) || !slices.Equal(newer.Names, []string{"8.sql", "9.sql"}) {
		t.Errorf("names from a newer program: %v", err)
	}
}
