package revocation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/lru"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// VerdictAge is how old a cached verdict may be. After that the database is
	// asked again, whatever the Log holds.
	VerdictAge = time.Minute
	// maxVerdicts is how many verdicts are cached, about 1.5 KiB each.
	maxVerdicts = 1 << 14
)

// textEnded is the verdict on a good token whose session has ended.
const textEnded = wire.ValidateInvalidPrefix + "session has ended"

// VerdictsConfig configures Verdicts.
type VerdictsConfig struct {
	Access token.Access
	// Live asks the database for the session and the user of verified claims.
	// live is false where the session has ended or the user is not active.
	Live  func(ctx context.Context, claims token.Claims, now time.Time) (session store.Session, user store.User, live bool, err error)
	Clock clock.Clock
	Log   *Log
}

// Verdicts judges access tokens: signature, claims, whether the session lives
// and whether the user is active. It caches each verdict under the whole text
// of the token. It is safe for concurrent use.
type Verdicts struct {
	config VerdictsConfig
	cache  *lru.Cache[verdict]
}

// verdict is the verdict on a token whose signature and claims are good.
type verdict struct {
	answer []byte // wire.ValidateResponse
	kind   string // for the meter
	header string // the token's first segment, which names its key
	sid    string
	exp    int64
	asked  time.Time // when the database was asked
	life   Life      // in which it was asked
	// final means that the session has ended and that nothing can undo it but
	// a database that goes back.
	final bool
}

// NewVerdicts makes Verdicts with an empty cache.
func NewVerdicts(config VerdictsConfig) *Verdicts {
	return &Verdicts{config: config, cache: lru.New[verdict](maxVerdicts)}
}

// Of returns the verdict on a token: the body of the answer, which is a
// wire.ValidateResponse, and one of the meter's verdicts. An error means that
// the database did not answer and that there is no verdict.
func (v *Verdicts) Of(ctx context.Context, text string) (answer []byte, kind string, err error) {
	now := v.config.Clock.Now()
	if known := v.cache.Get(text); known != nil && v.holds(known, now) {
		return known.answer, known.kind, nil
	}
	claims, err := v.config.Access.Verify(text, now)
	if err != nil {
		kind, reason := refused(err)
		answer, err := refusal(reason)
		return answer, kind, err
	}
	life := v.config.Log.Life()
	session, user, live, err := v.config.Live(ctx, claims, now)
	if err != nil {
		return nil, "", err
	}
	header, _, _ := strings.Cut(text, ".")
	fresh := verdict{header: strings.Clone(header), sid: claims.Sid, exp: claims.Exp, asked: now, life: life}
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
		v.cache.Add(text, fresh)
	}
	return fresh.answer, fresh.kind, nil
}

// holds reports whether a cached verdict may still be used. It may not where
// the session has ended meanwhile, or where that is not known.
func (v *Verdicts) holds(remembered *verdict, now time.Time) bool {
	if _, published := v.config.Access.Ring().ByHeader(remembered.header); !published || now.Unix() >= remembered.exp {
		return false
	}
	ended, known := v.config.Log.State(remembered.sid, remembered.life, now)
	if remembered.final {
		return remembered.life == v.config.Log.Life()
	}
	return known && !ended && now.Sub(remembered.asked) <= VerdictAge
}

func payload(c token.Claims, u store.User) *wire.ValidatePayload {
	return &wire.ValidatePayload{
		Sub: c.Sub,
		// What is said of the user is the current state, so that a role that was
		// taken away is gone at once.
		Email:         u.Email,
		Role:          u.Role,
		Sid:           c.Sid,
		SessionID:     c.Sid,
		Iss:           c.Iss,
		Aud:           c.Aud,
		Iat:           c.Iat,
		Exp:           c.Exp,
		Tier:          u.Tier,
		EmailVerified: &u.EmailVerified,
	}
}

func refusal(text string) ([]byte, error) {
	return json.Marshal(wire.ValidateResponse{Error: text})
}

// refused returns the verdict on a token whose signature or claims are not
// good, for the meter and for the caller.
func refused(reason error) (kind, text string) {
	if errors.Is(reason, token.ErrExpired) {
		return meter.VerdictExpired, wire.ValidateExpired
	}
	return meter.VerdictInvalid, wire.ValidateInvalidPrefix + reason.Error()
}
