package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/client/internal/fault"
)

// The strict_ files hold the verifier to the attack catalogue: one file a
// section, the case's number in each row's name. docs/security.md is the index.

// attack is a token that both modes must refuse.
type attack struct {
	name  string
	claim authtest.Claim           // what is wrong with it; nil: nothing
	edit  func(text string) string // what is wrong with its text; nil: nothing
	want  error                    // the detail below ErrUnauthenticated
}

// needsKey tells the refusals that take a public key to reach: Remote mode
// has none, and leaves them to the auth server.
func (a attack) needsKey() bool {
	return a.want == client.ErrSignature || a.want == client.ErrUnknownKey
}

// lab puts tokens of one issuer before a client of each mode.
type lab struct {
	*rig
	remote  *client.Client
	header  string // JSON of an accepted header
	payload string // JSON of accepted claims
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{rig: newRig(t, patient)}
	l.remote = l.newClient(func(c *client.Config) {
		c.Mode = client.ModeRemote
		c.Cache.NegativeTTL = -1 // so that each question to the server counts
	})
	l.header = `{"alg":"EdDSA","kid":"` + l.Kids()[0] + `"}`
	l.payload = `{"iss":"manacore","sub":"alice","aud":"manacore","exp":1767323945,` +
		`"email":"alice@example.com","role":"user","sid":"s1"}`
	// Whatever the tables change, they change about a good token.
	for _, text := range []string{l.Token(), l.Sign([]byte(l.header), []byte(l.payload))} {
		l.wantOK(text)
		if _, err := l.remote.Verify(t.Context(), text); err != nil {
			t.Fatalf("good token refused in remote mode: %v", err)
		}
	}
	return l
}

// patient waits for the issuer longer than a loaded machine takes, and between
// two looks for the kids that a table makes up not at all: its clock stands still
// but for the nanosecond of each.
func patient(c *client.Config) {
	c.Timeout, c.Keys.Cooldown = time.Minute, time.Nanosecond
	if clock, ok := c.Clock.(*authtest.Clock); ok {
		c.Clock = impatient{clock}
	}
}

// impatient is a clock that moves on by itself for whoever waits no longer than a
// microsecond.
type impatient struct{ *authtest.Clock }

func (c impatient) AfterFunc(d time.Duration, f func()) func() bool {
	stop := c.Clock.AfterFunc(d, f)
	if d <= time.Microsecond {
		go c.Advance(d)
	}
	return stop
}

// newClient is the rig's, and patient.
func (l *lab) newClient(edit func(*client.Config)) *client.Client {
	l.t.Helper()
	return l.rig.newClient(func(c *client.Config) {
		patient(c)
		if edit != nil {
			edit(c)
		}
	})
}

// inHeader and inPayload put new for old into the good JSON.
func (l *lab) inHeader(old, new string) authtest.Claim {
	return authtest.RawHeader([]byte(l.replace(l.header, old, new)))
}

func (l *lab) inPayload(old, new string) authtest.Claim {
	return authtest.RawPayload([]byte(l.replace(l.payload, old, new)))
}

func (l *lab) replace(in, old, new string) string {
	l.t.Helper()
	if !strings.Contains(in, old) {
		l.t.Fatalf("no %s in %s", old, in)
	}
	return strings.Replace(in, old, new, 1)
}

// headerWith and payloadWith put one more member at the end of the good JSON.
func (l *lab) headerWith(member string) authtest.Claim {
	return authtest.RawHeader([]byte(strings.TrimSuffix(l.header, "}") + "," + member + "}"))
}

func (l *lab) payloadWith(member string) authtest.Claim {
	return authtest.RawPayload([]byte(strings.TrimSuffix(l.payload, "}") + "," + member + "}"))
}

// refuse runs a table.
func (l *lab) refuse(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) { l.refuseOne(t, a) })
	}
}

func (l *lab) refuseOne(t *testing.T, a attack) {
	t.Helper()
	if a.claim == nil {
		a.claim = authtest.All()
	}
	text := l.Token(a.claim)
	if a.edit != nil {
		edited := a.edit(text)
		if edited == text {
			t.Fatal("the edit changes nothing")
		}
		text = edited
	}
	refused(t, l.auth, text, a.want)
	refused(t, l.auth, text, a.want) // and the first refusal taught it nothing

	before := l.ValidateRequests()
	if a.needsKey() {
		refused(t, l.remote, text, client.ErrRejected)
		before++
	} else {
		refused(t, l.remote, text, a.want)
	}
	if n := l.ValidateRequests(); n != before {
		t.Errorf("Remote mode: %d requests to the auth server, want %d", n, before)
	}
}

var details = map[string]error{
	"ErrNoToken": client.ErrNoToken, "ErrMalformed": client.ErrMalformed, "ErrUnknownKey": client.ErrUnknownKey,
	"ErrSignature": client.ErrSignature, "ErrExpired": client.ErrExpired, "ErrClaims": client.ErrClaims,
	"ErrRejected": client.ErrRejected,
}

// refused sees to it that text gives no user, one detail and no other, and an
// error text that was there before the token was (attacks 24 and 25).
func refused(t *testing.T, v client.Verifier, text string, want error) {
	t.Helper()
	user, err := v.Verify(t.Context(), text)
	if err == nil {
		t.Errorf("accepted as %+v", user)
		return
	}
	if user != (client.User{}) {
		t.Errorf("A24 a refused token gave the user %+v", user)
	}
	if !errors.Is(err, client.ErrUnauthenticated) || errors.Is(err, client.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnauthenticated alone", err)
	}
	for name, detail := range details {
		if got := errors.Is(err, detail); got != (detail == want) {
			t.Errorf("%v: errors.Is(err, %s) = %t", err, name, got)
		}
	}
	// A Reason's text is fixed when the program starts.
	if _, ok := err.(*fault.Reason); !ok {
		t.Errorf("%v is a %T, whose text may hold a part of the token", err, err)
	}
}
