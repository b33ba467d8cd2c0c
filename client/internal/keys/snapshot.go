package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// snapshot is the file that lets a restarted backend verify during an outage
// of the auth server. Whoever can write it can forge tokens, so it is 0600;
// what it holds is public.
type snapshot struct {
	URL          string         `json:"url"`
	FetchedAt    time.Time      `json:"fetchedAt"`
	FreshSeconds int64          `json:"freshSeconds"`
	JWKS         jsontext.Value `json:"jwks"`
}

// restore takes up the snapshot, once, and starts a fetch beside it. It is
// held to the same rules and the same staleness as a fetched set. One that is
// not used is a line in the log, with the reason. The caller holds mu.
func (s *Source) restore(ctx context.Context) {
	if s.restored || s.cfg.Snapshot == "" {
		return
	}
	s.restored = true
	set, err := s.readSnapshot()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.cfg.Log.Warn("the JWKS snapshot is not used", "file", s.cfg.Snapshot, "err", err)
	case s.set.Load() == nil:
		s.use(set)
		s.start(ctx, "", false)
	}
}

// Why a snapshot that can be read is not used.
var (
	errWritable = errors.New("every user of this machine may write it, and who writes it can forge tokens: it must have mode 0600")
	errFuture   = errors.New("it was written later than now: a clock is wrong, here or where it was written")
	errTooOld   = errors.New("it is older than its max-age and Keys.MaxStale together")
)

// readSnapshot returns the set of the file, or says why it may not serve.
func (s *Source) readSnapshot() (*set, error) {
	data, err := readPrivate(s.cfg.Snapshot)
	if err != nil {
		return nil, err
	}
	var file snapshot
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, errDocument // the decoder's text would quote the file
	}
	doc, err := parse(file.JWKS)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock.Now()
	fresh := time.Duration(min(file.FreshSeconds, int64(maxFresh/time.Second))) * time.Second
	switch {
	case file.URL != s.cfg.URL:
		return nil, fmt.Errorf("it holds the key set of %q, and this one is at %q: each issuer needs a file of its own", file.URL, s.cfg.URL)
	case fresh < 0:
		return nil, errDocument
	case file.FetchedAt.After(now):
		return nil, errFuture
	case !now.Before(file.FetchedAt.Add(fresh + s.cfg.MaxStale)):
		return nil, errTooOld
	}
	return &set{keys: carry(nil, doc), raw: file.JWKS, fetched: file.FetchedAt, fresh: fresh}, nil
}

// readPrivate reads a file that not everybody may write.
func readPrivate(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// Windows has no such bits: there every file that may be written has them.
	if info.Mode().Perm()&0o002 != 0 && runtime.GOOS != "windows" {
		return nil, errWritable
	}
	return io.ReadAll(file)
}

// save writes the snapshot: a crash leaves the old or the new one.
func (s *Source) save() {
	if s.cfg.Snapshot == "" {
		return
	}
	if err := s.writeSnapshot(s.set.Load()); err != nil {
		s.warn.Do(func() {
			s.cfg.Log.Warn("the JWKS snapshot could not be written", "file", s.cfg.Snapshot, "err", err)
		})
	}
}

func (s *Source) writeSnapshot(current *set) error {
	data, err := json.Marshal(snapshot{
		URL:          s.cfg.URL,
		FetchedAt:    current.fetched.UTC(),
		FreshSeconds: int64(current.fresh / time.Second),
		JWKS:         current.raw,
	})
	if err != nil {
		return err
	}
	// CreateTemp makes the file with mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(s.cfg.Snapshot), ".jwks-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails, as it should, after the rename
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Sync(); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.cfg.Snapshot)
}
