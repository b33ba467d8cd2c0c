package credits

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/sony/gobreaker/v2"

	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxRequest is the largest request body, in bytes: the ledger's limit.
	maxRequest = 100 << 10
	// maxAnswer is the largest accepted answer, in bytes.
	maxAnswer = 64 << 10
	// maxPage is the largest accepted page of transactions, each of which may
	// have metadata.
	maxPage = 4 << 20
	// maxBackoff bounds the wait before a repetition.
	maxBackoff = time.Second
)

var (
	errOpen   = &callError{kind: ErrUnavailable, text: "the circuit breaker is open"}
	errClosed = &callError{kind: ErrUnavailable, text: "the client is closed"}
)

// call is one operation on the ledger. All of them may be repeated: reads, and
// operations that carry a key or settle a reservation.
type call struct {
	method, path string
	body         any
	limit        int64 // of the answer's body; 0: maxAnswer
	// read takes the result from the answer, or says that it is none.
	read func(*answer) error
	// required and operation are what a refusal for want of credits has to be
	// about; 0: the operation takes none, and can't be refused so.
	required  int64
	operation string
	// conflictPasses: a conflict may be that of an operation which is still
	// running, so that another try may end better.
	conflictPasses bool
}

// answer is a whole answer of the ledger.
type answer struct {
	header http.Header
	body   []byte
}

// do runs a call with its repetitions.
func (c *Client) do(ctx context.Context, op call) error {
	if c.ctx.Err() != nil {
		return errClosed
	}
	var body []byte
	if op.body != nil {
		var err error
		if body, err = json.Marshal(op.body); err != nil || len(body) > maxRequest {
			return invalid("the request can't be sent as JSON of at most 100 KiB")
		}
	}
	c.calls.Add(1)
	err := c.repeat(ctx, op, body)
	if errors.Is(err, ErrUnavailable) {
		c.unavailable.Add(1)
		if ctx.Err() == nil {
			c.warn.Do(func() {
				c.config.Logger.Warn("the credit ledger gave no answer", "url", c.config.URL, "error", err)
			})
		}
	}
	return err
}

func (c *Client) repeat(ctx context.Context, op call, body []byte) error {
	bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)() // Close ends it too
	for n := 0; ; n++ {
		err := c.guarded(bounded, op, body)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, cause) // the caller gave up
		}
		var failed *callError
		if err == nil || !errors.As(err, &failed) || !failed.retry || n == c.config.Retries ||
			!c.wait(bounded, c.pause(n, failed.after)) {
			return err
		}
		c.repeated.Add(1)
	}
}

// pause is how long to wait before repetition n+1: random below a bound that
// doubles, so that callers of one outage don't come back together, and not
// less than the ledger asked for.
func (c *Client) pause(n int, asked time.Duration) time.Duration {
	bound := min(c.config.Backoff<<min(n, 16), maxBackoff)
	return max(rand.N(max(bound, 1)), asked)
}

// wait returns false where the call would have no time left afterwards.
func (c *Client) wait(ctx context.Context, pause time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	due := make(chan struct{})
	stop := c.config.Clock.AfterFunc(pause, func() { close(due) })
	defer stop()
	select {
	case <-due:
		return true
	case <-ctx.Done():
		return false
	}
}

// guarded sends one request through the breaker.
func (c *Client) guarded(ctx context.Context, op call, body []byte) error {
	_, err := c.breaker.Execute(func() (*answer, error) {
		a, err := c.exchange(ctx, op, body)
		if err != nil {
			return nil, err
		}
		if err := op.read(a); err != nil {
			return nil, errNonsense
		}
		return a, nil
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return errOpen
	}
	return err
}

// judge says what a request's error tells of the ledger's health.
func (c *Client) judge(err error) httpcall.Outcome {
	var failed *callError
	switch {
	case err == nil, errors.Is(err, ErrInsufficient), errors.Is(err, ErrKeyReused):
		return httpcall.Well
	case errors.As(err, &failed):
		return failed.outcome
	}
	return httpcall.Unknown
}

// exchange sends one request and reads the answer.
func (c *Client) exchange(ctx context.Context, op call, body []byte) (*answer, error) {
	bounded, cancel := context.WithTimeout(ctx, c.config.Attempt)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, op.method, c.base+op.path, bytes.NewReader(body))
	if err != nil {
		return nil, invalid("the request's URL can't be made")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set(wire.AppIDHeader, c.config.AppID)
	req.Header.Set(wire.ServiceKeyHeader, c.config.ServiceKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, onTheWay(ctx, httpcall.Cause(err))
	}
	defer resp.Body.Close()
	limit := int64(maxAnswer)
	if resp.StatusCode < 300 && op.limit > 0 {
		limit = op.limit
	}
	doc, err := httpcall.ReadBody(resp.Body, limit)
	switch {
	case errors.Is(err, httpcall.ErrTooLarge) && resp.StatusCode < 300:
		return nil, errNonsense
	case errors.Is(err, httpcall.ErrTooLarge):
		doc = nil // its status may still say something
	case err != nil:
		return nil, onTheWay(ctx, err)
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated {
		return &answer{resp.Header, doc}, nil
	}
	return nil, refusal(op, resp, doc)
}

// onTheWay is a request that got lost. That the caller or Close ended it says
// nothing about the ledger.
func onTheWay(ctx context.Context, cause error) error {
	outcome := httpcall.Ill
	if errors.Is(ctx.Err(), context.Canceled) {
		outcome = httpcall.Unknown
	}
	return &callError{kind: ErrUnavailable, text: cause.Error(), outcome: outcome, retry: true}
}
