package keys

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// spread is how long after one server of an issuer has told of a change another
// one may answer with the key set from before. Each of them reads the keys once a
// second.
const spread = 2 * time.Second

// Changed says that the key set has changed, or may have: it is fetched at once,
// again after a fetch that is running, which may have read the set from before,
// and once more when every server of the issuer has the change.
func (s *Source) Changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news, s.newsAfter, s.newsEverywhere = true, s.started, s.cfg.Clock.Now().Add(spread)
	if !s.closed && s.running == nil {
		s.startForNews()
	}
}

// startForNews starts a fetch that no cache on the way may answer by itself. The
// caller holds mu.
func (s *Source) startForNews() {
	s.start(context.Background(), "", false)
}

// settled tells whether the set has every key that the issuer publishes. The
// caller holds mu.
func (s *Source) settled(now time.Time) bool {
	return !s.news && s.cfg.Settled != nil && s.cfg.Settled(now)
}

// heard takes in that a fetch has ended. The caller holds mu.
func (s *Source) heard(f *fetch) {
	if !s.news || f.err != nil || f.stored || s.closed {
		return
	}
	switch {
	case f.number <= s.newsAfter:
		s.startForNews()
	case f.begun.Before(s.newsEverywhere):
		s.schedule(max(0, s.newsEverywhere.Sub(s.cfg.Clock.Now())))
	default:
		s.news = false
	}
}

// announces tells whether an answer has the link to the feed of revocations
// (RFC 8288 section 3).
func announces(h http.Header) bool {
	for link := range strings.SplitSeq(strings.Join(h.Values("Link"), ","), ",") {
		_, parameters, _ := strings.Cut(link, ">")
		for parameter := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			relations := strings.Fields(strings.Trim(value, `"`))
			if strings.EqualFold(name, "rel") && slices.Contains(relations, wire.RevocationsRel) {
				return true
			}
		}
	}
	return false
}
