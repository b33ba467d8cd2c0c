package authserver

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/lru"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// verdictAge is how old a remembered verdict may be: after that the
	// database is asked again, whatever is known of revocations.
	verdictAge = time.Minute
	// maxVerdicts is how many tokens are remembered, about 1.5 KiB each.
	maxVerdicts = 1 << 14
)

// textEnded is the verdict on a good token whose session is none any more.
const textEnded = wire.ValidateInvalidPrefix + "session has ended"

// verdicts says what access tokens are worth: signature, claims, and whether
// the session lives and the user is active. It remembers what it said by the
// whole text of the token.
type verdicts struct {
	access  token.Access
	live    liveFunc
	clock   Clock
	revoked *revocations
	memory  *lru.Cache[verdict]
}

// verdict is what was said about a token that is good in itself.
type verdict struct {
	answer []byte // wire.ValidateResponse
	kind   string // for the metrics
	header string // the token's first segment, which names its key
	sid    string
	exp    int64
	asked  time.Time // when the database was
	// final: the session has ended, and nothing can undo that.
	final bool
}

// liveFunc finds the session and the user of verified claims, and says whether
// the session lives and the user is active.
type liveFunc func(ctx context.Context, c token.Claims, now time.Time) (store.Session, store.User, bool, error)

func newVerdicts(access token.Access, live liveFunc, clock Clock, revoked *revocations) *verdicts {
	return &verdicts{access: access, live: live, clock: clock, revoked: revoked, memory: lru.New[verdict](maxVerdicts)}
}

// Of is the verdict on a token, as the body of the answer and as the metrics
// call it. An error means that there is none.
func (v *verdicts) Of(ctx context.Context, text string) (answer []byte, kind string, err error) {
	now := v.clock.Now()
	if known := v.memory.Get(text); known != nil && v.holds(known, now) {
		return known.answer, known.kind, nil
	}
	claims, err := v.access.Verify(text, now)
	if err != nil {
		answer, refused := refusal(verdictText(err))
		return answer, verdictOf(err), refused
	}
	session, user, live, err := v.live(ctx, claims, now)
	if err != nil {
		return nil, "", err
	}
	header, _, _ := strings.Cut(text, ".")
	fresh := verdict{header: strings.Clone(header), sid: claims.Sid, exp: claims.Exp, asked: now}
	if live {
		fresh.kind = meter.VerdictValid
		fresh.answer, err = json.Marshal(wire.ValidateResponse{Valid: true, Payload: payload(claims, user)})
	} else {
		fresh.kind = meter.VerdictInvalid
		fresh.answer, err = refusal(textEnded)
		fresh.final = !session.RevokedAt.IsZero() || user.Deleted()
	}
	if err != nil {
		return nil, "", err
	}
	if live || fresh.final {
		v.memory.Add(text, fresh)
	}
	return fresh.answer, fresh.kind, nil
}

// holds says whether a remembered verdict is still good. A session that has
// ended meanwhile makes it none, and so does not knowing whether it has.
func (v *verdicts) holds(remembered *verdict, now time.Time) bool {
	if _, published := v.access.Ring().ByHeader(remembered.header); !published || now.Unix() >= remembered.exp {
		return false
	}
	if remembered.final {
		return true
	}
	ended, known := v.revoked.state(remembered.sid, now)
	return known && !ended && now.Sub(remembered.asked) <= verdictAge
}

func payload(c token.Claims, u store.User) *wire.ValidatePayload {
	return &wire.ValidatePayload{
		Sub: c.Sub,
		// As they are now: a role that was taken away is gone at once.
		Email:     u.Email,
		Role:      u.Role,
		Sid:       c.Sid,
		SessionID: c.Sid,
		Iss:       c.Iss,
		Aud:       c.Aud,
		Iat:       c.Iat,
		Exp:       c.Exp,
	}
}

func refusal(text string) ([]byte, error) {
	return json.Marshal(wire.ValidateResponse{Error: text})
}

func verdictText(reason error) string {
	if errors.Is(reason, token.ErrExpired) {
		return wire.ValidateExpired
	}
	return wire.ValidateInvalidPrefix + reason.Error()
}

// verdictOf is the label of a refusal in the metrics.
func verdictOf(reason error) string {
	if errors.Is(reason, token.ErrExpired) {
		return meter.VerdictExpired
	}
	return meter.VerdictInvalid
}
