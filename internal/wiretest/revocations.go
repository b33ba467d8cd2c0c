package wiretest

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

// feedChecks are the rules for a server that has a feed of revocations.
func feedChecks() []check {
	return []check{
		{"feed announced", feedAnnounced},
		{"feed document", feedDocument},
		{"feed stream", feedStream},
		{"feed resumed", feedResumed},
	}
}

// feedAnnounced: the key set says that there is a feed, to those who have it
// already too.
func feedAnnounced(p *probe) {
	const want = "<" + wire.RevocationsPath + `>; rel="` + wire.RevocationsRel + `"`
	whole := p.get(jwksPath)
	for _, a := range []*answer{
		whole,
		p.do(http.MethodGet, jwksPath, "", http.Header{"If-None-Match": {whole.header("ETag")}}),
	} {
		if got := a.header("Link"); got != want {
			a.errorf("Link %q, want %q", got, want)
		}
	}
}

// feedDocument is for those who poll.
func feedDocument(p *probe) {
	a := p.get(wire.RevocationsPath)
	if !a.status(http.StatusOK) {
		return
	}
	a.isJSON()
	a.noStore()
	var event wire.Revocations
	if !a.object(a.body, &event, "cursor", "knownUpTo", "snapshot", "sessions") {
		return
	}
	a.snapshot([]wire.Revocations{event})
}

// feedStream is the same as server-sent events.
func feedStream(p *probe) {
	a, events := p.follow("")
	if media := a.header("Content-Type"); media != wire.EventStream {
		a.errorf("Content-Type %q, want %s", media, wire.EventStream)
	}
	a.noStore()
	a.snapshot(events)
}

// feedResumed: what the caller has is not a beginning.
func feedResumed(p *probe) {
	_, events := p.follow("")
	if len(events) == 0 {
		return
	}
	a, again := p.follow(events[len(events)-1].Cursor)
	if len(again) == 0 || again[0].Snapshot {
		a.errorf("begins anew behind a cursor of its own: %+v", again)
	}
	a, anew := p.follow("no-cursor-of-this-server")
	if len(anew) == 0 || !anew[0].Snapshot {
		a.errorf("goes on behind a cursor that it never gave: %+v", anew)
	}
}

// snapshot holds the events of a beginning to their form. The session that ended
// is among them, until its token has expired.
func (a *answer) snapshot(events []wire.Revocations) {
	if len(events) == 0 {
		return
	}
	sid, exp := session(a.p.tokens.revoked)
	named := false
	for i, event := range events {
		last := i == len(events)-1
		if event.Snapshot != (i == 0) || event.More == last || (event.Cursor != "") != last || event.KnownUpTo <= 0 {
			a.errorf("event %d of %d is %+v", i+1, len(events), event)
		}
		for _, s := range event.Sessions {
			if s.ID == wire.DigestSession(sid) {
				named = true
				if s.Until < exp {
					a.errorf("the session matters until %d, and its token until %d", s.Until, exp)
				}
			}
		}
	}
	if !named {
		a.errorf("the session that ended is not named in %+v", events)
	}
}

// session reads the sid and the exp of a token.
func session(token string) (sid string, exp int64) {
	var claims struct {
		Sid string `json:"sid"`
		Exp int64  `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return claims.Sid, claims.Exp
}

// follow begins a stream behind a cursor and returns its first answer.
func (p *probe) follow(cursor string) (*answer, []wire.Revocations) {
	a := &answer{p: p, method: http.MethodGet, path: wire.RevocationsPath, response: &http.Response{Header: http.Header{}}}
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, a.method, p.base+a.path, nil)
	if err != nil {
		a.errorf("%v", err)
		return a, nil
	}
	r.Header.Set("Accept", wire.EventStream)
	if cursor != "" {
		r.Header.Set(wire.LastEventID, cursor)
	}
	response, err := p.client.Do(r)
	if err != nil {
		a.errorf("%v", err)
		return a, nil
	}
	defer response.Body.Close()
	a.response = response
	if !a.status(http.StatusOK) {
		return a, nil
	}
	return a, a.events(response.Body)
}

// events are those of a stream up to one that leaves nothing open.
func (a *answer) events(body io.Reader) (events []wire.Revocations) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	id := ""
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "id: "):
			id = strings.TrimPrefix(line, "id: ")
		case strings.HasPrefix(line, "data: "):
			var event wire.Revocations
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &event, json.RejectUnknownMembers(true)); err != nil {
				a.errorf("event %q: %v", line, err)
				return nil
			}
			if event.Cursor != id {
				a.errorf("the id of an event is %q, and its cursor %q", id, event.Cursor)
			}
			if events = append(events, event); !event.More {
				return events
			}
		}
	}
	a.errorf("the stream ended in the middle of its first answer: %v", lines.Err())
	return nil
}
