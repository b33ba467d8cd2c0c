// Package remote asks an auth server for its verdict on a token.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/recovery"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

// maxBody is the largest accepted answer, in bytes.
const maxBody = 64 << 10

var (
	errClosed = fault.New(fault.ErrUnavailable, "the client is closed")
	errOpen   = fault.New(fault.ErrUnavailable, "the circuit breaker is open")
	errAnswer = fault.New(fault.ErrUnavailable, "the auth server's answer is not a verdict")
	errOther  = fault.New(fault.ErrUnavailable, "the auth server's answer is about another token")
)

// errStatus is an answer that says neither yes nor no. Below 500 it does not
// say either whether the server is well: 429, a redirect, a 401 of a gateway,
// a 404 from a wrong URL.
type errStatus int

func (e errStatus) Error() string {
	return fmt.Sprintf("the auth server answered with status %d", int(e))
}

// Config of a Validator. Every field is set, but for OnChange.
type Config struct {
	URL      string        // of POST validate
	HTTP     *http.Client  // follows no redirects
	Timeout  time.Duration // of one call as a whole
	Failures uint32        // in a row that open the breaker
	OpenFor  time.Duration // before a probe is let through
	Log      *slog.Logger
	OnChange func(from, to string) // the breaker changed its state
}

// Validator asks one auth server, behind a circuit breaker. It is safe for
// concurrent use.
type Validator struct {
	cfg     Config
	ctx     context.Context // its end is that of every call
	stop    context.CancelFunc
	breaker *gobreaker.CircuitBreaker[*token.Claims]
	calls   singleflight.Group
	warn    rate.Sometimes

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// New makes a Validator. It does no I/O.
func New(cfg Config) *Validator {
	v := &Validator{cfg: cfg, warn: rate.Sometimes{First: 1, Interval: time.Minute}}
	v.ctx, v.stop = context.WithCancel(context.Background())
	v.breaker = httpcall.NewBreaker[*token.Claims](httpcall.BreakerConfig{
		Failures: cfg.Failures,
		OpenFor:  cfg.OpenFor,
		Judge:    v.judge,
		OnChange: func(from, to string) {
			recovery.Run(cfg.Log, "a change of the circuit breaker was being reported", func() {
				cfg.Log.Warn("the circuit breaker of the auth server changed", "url", cfg.URL, "from", from, "to", to)
				if cfg.OnChange != nil {
					cfg.OnChange(from, to)
				}
			})
		},
	})
	return v
}

// judge says what a call's error tells of the auth server.
func (v *Validator) judge(err error) httpcall.Outcome {
	var status errStatus
	switch {
	case errors.As(err, &status) && status < http.StatusInternalServerError, errors.Is(err, fault.ErrPanic), v.ctx.Err() != nil:
		return httpcall.Unknown
	case err == nil, errors.Is(err, fault.ErrUnauthenticated):
		return httpcall.Well
	}
	return httpcall.Ill
}

// Close ends running calls and waits for them.
func (v *Validator) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.stop()
	v.wg.Wait()
}

// State is the breaker's: closed, half-open or open.
func (v *Validator) State() string { return v.breaker.State().String() }

// Validate returns the claims of the server's answer. own are those of the
// token itself: an answer about another iss, sub or exp is no answer.
// Calls for the same text share one request, which has the values of the first
// one's ctx and not its end: a caller that gives up fails only itself. The error
// is fault.ErrRejected where the server says no, and fault.ErrUnavailable where it
// says neither.
func (v *Validator) Validate(ctx context.Context, text string, own *token.Claims) (*token.Claims, error) {
	result := v.calls.DoChan(text, func() (any, error) { return v.call(ctx, text, own) })
	select {
	case r := <-result:
		claims, _ := r.Val.(*token.Claims)
		return claims, r.Err
	case <-ctx.Done():
		return nil, fault.Unavailable(context.Cause(ctx))
	}
}

// call runs one request through the breaker.
func (v *Validator) call(ctx context.Context, text string, own *token.Claims) (*token.Claims, error) {
	if !v.enter() {
		return nil, errClosed
	}
	defer v.wg.Done()
	claims, err := v.breaker.Execute(func() (claims *token.Claims, err error) {
		err = fault.ErrPanic
		recovery.Run(v.cfg.Log, "the auth server was being asked", func() { claims, err = v.post(ctx, text, own) })
		return claims, err
	})
	switch {
	case err == nil:
		return claims, nil
	case errors.Is(err, fault.ErrUnauthenticated):
		return nil, err
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return nil, errOpen
	}
	recovery.Run(v.cfg.Log, "a call without a verdict was being reported", func() {
		v.warn.Do(func() {
			v.cfg.Log.Warn("the auth server gave no verdict", "url", v.cfg.URL, "err", err)
		})
	})
	return nil, fault.Unavailable(err)
}

func (v *Validator) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.wg.Add(1)
	return true
}

// Ready asks for the verdict on something that is no token: whoever answers
// that properly can answer for one.
func (v *Validator) Ready(ctx context.Context) error {
	if !v.enter() {
		return errClosed
	}
	defer v.wg.Done()
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)() // Close ends it too
	_, err := v.exchange(ctx, "-")
	switch {
	case errors.Is(err, fault.ErrUnauthenticated):
		return nil
	case err == nil:
		return errOther
	}
	return fault.Unavailable(err)
}

func (v *Validator) post(ctx context.Context, text string, own *token.Claims) (*token.Claims, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)() // Close ends it
	claims, err := v.exchange(ctx, text)
	if err != nil {
		return nil, err
	}
	if claims.Issuer != own.Issuer || claims.Subject != own.Subject || !claims.Expires.Equal(own.Expires) {
		return nil, errOther
	}
	return claims, nil
}

// exchange sends one request and reads the answer.
func (v *Validator) exchange(ctx context.Context, text string) (*token.Claims, error) {
	body, err := json.Marshal(wire.ValidateRequest{Token: text})
	if err != nil {
		return nil, errAnswer // the encoder's text would quote the token
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	httpcall.AllowRepeat(req) // the question changes nothing
	resp, err := v.cfg.HTTP.Do(req)
	if err != nil {
		return nil, fault.Network(err)
	}
	defer resp.Body.Close()
	// A verdict has status 200, whatever it is. A 401 is somebody else's, such
	// as a gateway's, and says nothing about the token.
	if resp.StatusCode != http.StatusOK {
		return nil, errStatus(resp.StatusCode)
	}
	answer, err := httpcall.ReadBody(resp.Body, maxBody)
	if err != nil {
		return nil, fault.Unavailable(err)
	}
	return readAnswer(answer)
}

// readAnswer takes a verdict from the auth server's answer, by its shape and
// never by its error text. valid must be a JSON boolean.
func readAnswer(answer []byte) (*token.Claims, error) {
	var verdict struct {
		Valid   *bool          `json:"valid"`
		Payload jsontext.Value `json:"payload"`
	}
	if err := json.Unmarshal(answer, &verdict); err != nil || verdict.Valid == nil {
		return nil, errAnswer
	}
	if !*verdict.Valid {
		return nil, fault.ErrRejected
	}
	claims, err := token.ReadClaims(verdict.Payload)
	if err != nil {
		return nil, errAnswer
	}
	return claims, nil
}
