package sqlite

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		all = append(all, file.Name())
	}
	pending := func() []string {
		t.Helper()
		names, err := Pending(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if diff := cmp.Diff(all, pending()); diff != "" {
		t.Errorf("no file (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
	create(t, path)
	before := content(t, path)
	if names := pending(); len(names) != 0 {
		t.Errorf("up to date: %q", names)
	}
	if !bytes.Equal(content(t, path), before) {
		t.Error("the file has changed")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
	s := open(t, path)
	if _, err := s.write.Exec(`DELETE FROM manacore_migrations WHERE name = (SELECT max(name) FROM manacore_migrations)`); err != nil {
		t.Fatal(err)
	}
	// While another process has the file open.
	if diff := cmp.Diff(all[len(all)-1:], pending()); diff != "" {
		t.Errorf("one migration behind (-want +got):\n%s", diff)
	}
}

// TestBackup copies a database again and again while it is written to: each
// copy opens, and holds what was committed before it began.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	s := open(t, path)
	const insert = `INSERT INTO users (id, name, email, created_at, updated_at) VALUES (?1, 'n', ?1, 1, 1)`
	insertUser := func(i int) {
		if _, err := s.write.Exec(insert, i); err != nil {
			t.Error(err)
		}
	}
	for copied := range 5 {
		insertUser(-copied - 1)
		stop, written := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(written)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					insertUser(copied*1_000_000 + i)
				}
			}
		}()
		to := filepath.Join(dir, "copy "+strconv.Itoa(copied))
		err := Backup(t.Context(), path, to, nothing, nothing)
		close(stop)
		<-written
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		var there int
		if err := open(t, to).read.QueryRow(`SELECT count(*) FROM users WHERE id IN (?, '-1')`, -copied-1).Scan(&there); err != nil || there == 0 {
			t.Errorf("copy %d: %d of the earlier users, %v", copied, there, err)
		}
	}
}

func nothing(int64, int64) {}

// TestO23Progress: a backup and a check say how many pages there are and, while a
// statement runs, again and again how many of a copy are written.
func TestO23Progress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	create(t, path)
	type step struct{ done, total int64 }
	var written, checked, whole []step
	note := func(list *[]step) func(done, total int64) {
		return func(done, total int64) { *list = append(*list, step{done, total}) }
	}
	if err := Backup(t.Context(), path, filepath.Join(dir, "copy"), note(&written), note(&checked)); err != nil {
		t.Fatal(err)
	}
	if err := Whole(t.Context(), path, note(&whole)); err != nil {
		t.Fatal(err)
	}
	last := written[len(written)-1]
	if written[0].done != 0 || last.total < 10 || last.done < last.total/2 || last.done > last.total {
		t.Errorf("written: %v", written)
	}
	if len(checked) == 0 || checked[0].total != last.done || len(whole) == 0 || whole[0] != (step{0, last.total}) {
		t.Errorf("checked: %v and %v", checked, whole)
	}

	ticks, told := make(chan time.Time), 0
	err := ticking(ticks, func() { told++ }, func() error {
		for range 3 {
			ticks <- time.Time{}
		}
		return fs.ErrExist
	})
	if told != 4 || !errors.Is(err, fs.ErrExist) {
		t.Errorf("told %d times, %v", told, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	create(t, good)
	write(t, bad, []byte(strings.Repeat("not a database. ", 512)))
	write(t, filepath.Join(dir, "there"), []byte("precious"))
	for _, test := range []struct {
		name, from, to, want string
		is                   error
	}{
		{"a file that is there", good, "there", "there", fs.ErrExist},
		{"onto itself", good, "good", "good", fs.ErrExist},
		{"no folder", good, "nowhere/copy", "nowhere", fs.ErrNotExist},
		{"no database", filepath.Join(dir, "none"), "copy", "nothing in", nil},
		{"a damaged database", bad, "copy", "damaged", nil},
	} {
		err := Backup(t.Context(), test.from, filepath.Join(dir, test.to), nothing, nothing)
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v, want %q and %v", test.name, err, test.want, test.is)
		}
	}
	if got := string(content(t, filepath.Join(dir, "there"))); got != "precious" {
		t.Errorf("the file that was there holds %q", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
