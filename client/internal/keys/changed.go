package keys

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// Changed says that the key set has changed, or may have: it is fetched at once,
// and again after a fetch that is running, which may have read the set from
// before.
func (s *Source) Changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news, s.newsAfter = true, s.started
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
	if s.news && f.err == nil && !f.stored && f.number > s.newsAfter {
		s.news = false
	}
	if s.news && f.err == nil && !f.stored && !s.closed {
		s.startForNews()
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
