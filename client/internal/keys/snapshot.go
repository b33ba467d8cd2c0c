package keys

import (
	"context"
	"os"
	"path/filepath"
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
// held to the same rules and the same staleness as a fetched set. The caller
// holds mu.
func (s *Source) restore(ctx context.Context) {
	if s.restored || s.cfg.Snapshot == "" {
		return
	}
	s.restored = true
	set, err := s.readSnapshot()
	if err != nil {
		if !os.IsNotExist(err) {
			s.cfg.Log.Warn("the JWKS snapshot can't be used", "file", s.cfg.Snapshot, "err", err)
		}
		return
	}
	if s.set.Load() == nil && set != nil {
		s.use(set)
		s.start(ctx, "", false)
	}
}

// readSnapshot returns nil where the file is another issuer's or claims to
// come from the future.
func (s *Source) readSnapshot() (*set, error) {
	data, err := os.ReadFile(s.cfg.Snapshot)
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
	fresh := time.Duration(min(file.FreshSeconds, int64(maxFresh/time.Second))) * time.Second
	if file.URL != s.cfg.URL || fresh < 0 || file.FetchedAt.After(s.cfg.Clock.Now()) {
		return nil, nil
	}
	return &set{keys: carry(nil, doc), raw: file.JWKS, fetched: file.FetchedAt, fresh: fresh}, nil
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
