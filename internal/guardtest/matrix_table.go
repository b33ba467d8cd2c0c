package guardtest

import (
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// keysHeld is what a client knows of the issuer's keys when the fault comes.
type keysHeld int

const (
	cold  keysHeld = iota // nothing: it has verified no token yet
	warm                  // the key set, still fresh: it has no reason to fetch
	stale                 // the key set, past its max-age: its refresh meets the fault
)

func (k keysHeld) String() string { return [...]string{"cold", "warm", "stale"}[k] }

// mode is a way to guard a service.
type mode struct {
	name     string
	mode     client.Mode
	fallback bool
	optional bool
}

var modes = [...]mode{
	{"local", client.ModeLocal, false, false},
	{"remote", client.ModeRemote, false, false},
	{"fallback", client.ModeRemote, true, false},
	{"optional local", client.ModeLocal, false, true},
	{"optional remote", client.ModeRemote, false, true},
}

func (m mode) options() []middleware.Option {
	if m.optional {
		return []middleware.Option{middleware.Optional()}
	}
	return nil
}

// faultTable is the answer to a good token during a fault: by mode, in the
// order of modes, and by the keys held. Without a verdict it is 503, whether
// the route is optional or not; a client with keys goes on where it may use
// them.
//
// A forged token under a true kid gets 401 wherever the good one gets a verdict
// and 503 elsewhere. A request without a token asks for no verdict: 401, or
// anonymous where the route is optional.
var faultTable = map[authtest.Fault][len(modes)][3]int{
	//                          local            remote           fallback         optional local   optional remote
	//                          cold warm stale  cold warm stale  cold warm stale  cold warm stale  cold warm stale
	authtest.Refused:         {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.TimedOut:        {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.ServerError:     {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.TooManyRequests: {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.HalfAnswer:      {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.HTMLPage:        {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.Redirected:      {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.WrongJSON:       {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	// Foreign keys under the true kids are believed as soon as they are
	// fetched, since nobody can tell: the good token is then not signed by
	// them. The lie in a verdict shows: it is about another user.
	authtest.LyingAnswer: {{401, 200, 401}, {503, 503, 503}, {401, 200, 401}, {401, 200, 401}, {503, 503, 503}},
	authtest.TLSError:    {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.SlowDrip:    {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
	authtest.EmptyKeySet: {{503, 200, 200}, {503, 503, 503}, {503, 200, 200}, {503, 200, 200}, {503, 503, 503}},
}
