package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
)

// maxBody is the largest accepted JWKS, in bytes after decompression.
const maxBody = 1 << 20

var errTooLarge = errors.New("the JWKS is larger than 1 MiB")

// answer is what one GET of the JWKS brought.
type answer struct {
	doc         document
	raw         []byte
	etag        string
	maxAge      time.Duration // what the server said, or a negative value
	age         time.Duration // since the answer was made, as a cache on the way says
	notModified bool
	feed        bool // the feed of revocations is announced
}

// get fetches the JWKS once. etag, if not empty, makes the request conditional.
// now asks caches on the way not to answer by themselves (RFC 9111 section
// 5.2.1.4).
func (s *Source) get(ctx context.Context, etag string, now bool) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if now {
		req.Header.Set("Cache-Control", "no-cache")
	}
	resp, err := s.cfg.HTTP.Do(req)
	if err != nil {
		return answer{}, fault.Network(err)
	}
	defer resp.Body.Close()

	a := answer{etag: resp.Header.Get("ETag"), maxAge: maxAge(resp.Header), age: age(resp.Header), feed: announces(resp.Header)}
	if resp.StatusCode == http.StatusNotModified && etag != "" {
		a.notModified, a.etag = true, etag
		return a, nil
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("the JWKS was answered with status %d", resp.StatusCode)
	}
	if !isJSON(resp.Header.Get("Content-Type")) {
		return answer{}, errors.New("the JWKS was answered with a content type that is not JSON")
	}
	a.raw, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fault.Network(err)
	}
	if len(a.raw) > maxBody {
		return answer{}, errTooLarge
	}
	a.doc, err = parse(a.raw)
	return a, err
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "application/jwk-set+json")
}

// maxAge is the freshness lifetime that the server gives its answer (RFC 9111
// section 5.2.2), less what a cache on the way has used of it (section 4.2.3),
// zero where it forbids caching, negative where it says nothing.
func maxAge(h http.Header) time.Duration {
	fresh := time.Duration(-1)
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err == nil {
				fresh = time.Duration(seconds) * time.Second
			}
		}
	}
	if fresh > 0 {
		fresh = max(fresh-age(h), 0)
	}
	return fresh
}

// age is how long ago the answer was made, as a cache on the way says (RFC 9111
// section 5.1): the first number, where there are several. Zero where none says
// it.
func age(h http.Header) time.Duration {
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	seconds, err := strconv.ParseUint(strings.TrimSpace(first), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return time.Duration(min(seconds, math.MaxInt32)) * time.Second
}
