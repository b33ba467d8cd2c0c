package credits

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
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
	errOpen    = &callError{kind: ErrUnavailable, text: "the circuit breaker is open"}
	errClosed  = &callError{kind: ErrUnavailable, text: "the client is closed"}
	errSettled = &callError{kind: ErrUnavailable, text: "the reservation is settled, perhaps by a request of this call whose answer got lost"}
	errEnded   = &callError{kind: ErrUnavailable, text: "the caller had gone"}
	errTooMany = &callError{kind: ErrUnavailable, text: "too many reservations are looked for"}
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
	// sent becomes true once a request may have reached the ledger. nil: nobody
	// asks.
	sent *bool
	// own: nobody waits for the call, and so its failures don't open the breaker
	// for those who do.
	own bool
	// settles: the call ends a reservation.
	settles bool
	// names is what the call is about, by its id: a reservation or a transaction.
	// "": neither.
	names string
	// userID is whose credits an operation takes. A ledger that does not know the
	// user may open the account when its balance is asked for, as the standalone
	// service does. "": the call opens none.
	userID string
	// conflictPasses: a conflict may be that of an operation which is still
	// running, so that another try may end better.
	conflictPasses bool
}

// route is the path without the id that stands in it.
func (op call) route() string {
	path, _, _ := strings.Cut(op.path[1:], "/")
	return "/" + path
}

// watched is req, with op.sent set as soon as it has a connection to go over. A
// transport that knows no httptrace may have sent whatever it was given.
func (op call) watched(req *http.Request) *http.Request {
	if op.sent == nil {
		return req
	}
	before := *op.sent
	*op.sent = true
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { *op.sent = before },
		GotConn: func(httptrace.GotConnInfo) { *op.sent = true },
	}))
}

// answer is a whole answer of the ledger.
type answer struct {
	header http.Header
	body   []byte
}

// do runs a call with its repetitions.
func (c *Client) do(ctx context.Context, op call) error {
	body, err := c.encode(op)
	if err != nil {
		return err
	}
	c.calls.Add(1)
	err = c.repeat(ctx, op, body)
	if op.userID != "" && (errors.Is(err, ErrNotFound) && c.opens(ctx, op.userID) ||
		errors.Is(err, ErrInsufficient) && c.waitReleased(ctx, op.userID)) {
		err = c.repeat(ctx, op, body)
	}
	if errors.Is(err, ErrUnavailable) && !c.gaveUp(ctx) {
		c.unavailable.Add(1)
		c.warn.Do(func() {
			c.logger().Warn("the credit ledger gave no answer", "url", c.config.URL, "error", err)
		})
	}
	return err
}

// opens tells whether the ledger has an account once its balance is asked for.
func (c *Client) opens(ctx context.Context, userID string) bool {
	_, err := c.Balance(ctx, userID)
	return err == nil
}

// gaveUp tells whether a call ended for its caller's sake, or because of Close:
// such an end says nothing about the ledger. A network operation may end for a
// deadline a moment before the context does.
func (c *Client) gaveUp(caller context.Context) bool {
	deadline, ok := caller.Deadline()
	return caller.Err() != nil || c.ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// run is do for what the client does on its own account: nobody's call.
func (c *Client) run(ctx context.Context, op call) error {
	op.own = true
	body, err := c.encode(op)
	if err != nil {
		return err
	}
	return c.repeat(ctx, op, body)
}

// encode makes the body of a call's requests; nil: none.
func (c *Client) encode(op call) ([]byte, error) {
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	if op.body == nil {
		return nil, nil
	}
	body, err := json.Marshal(op.body)
	if err != nil || len(body) > maxRequest {
		return nil, invalid("the request can't be sent as JSON of at most 100 KiB")
	}
	return body, nil
}

func (c *Client) repeat(ctx context.Context, op call, body []byte) error {
	bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)() // Close ends it too
	for n := 0; ; n++ {
		var err error = errEnded
		if ctx.Err() == nil {
			err = c.guarded(ctx, bounded, op, body)
		}
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return &callError{kind: ErrUnavailable, text: "the caller gave up: " + cause.Error(), cause: cause}
		}
		var failed *callError
		if errors.As(err, &failed) && failed.settled && n > 0 {
			return errSettled
		}
		if err == nil || failed == nil || !failed.retry || n == c.config.Retries ||
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

// guarded sends one request through the breaker. ctx is the caller's context,
// bounded by the client's own limit.
func (c *Client) guarded(caller, ctx context.Context, op call, body []byte) error {
	_, err := c.breaker.Execute(func() (*answer, error) {
		a, err := c.exchange(caller, ctx, op, body)
		if err == nil {
			err = c.judged(op.read(a))
		}
		var failed *callError
		if op.own && errors.As(err, &failed) && failed.outcome == httpcall.Ill {
			quiet := *failed
			quiet.outcome = httpcall.Unknown
			err = &quiet
		}
		return a, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return errOpen
	}
	return err
}

// judged is what the reading of a successful answer came to: a verdict, or an
// answer to another question.
func (c *Client) judged(err error) error {
	if err == nil || errors.Is(err, ErrKeyReused) {
		return err
	}
	return c.nonsense()
}

// judge says what a request's error says of the ledger's health.
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
func (c *Client) exchange(caller, ctx context.Context, op call, body []byte) (*answer, error) {
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
	} else {
		req.Header.Set("Cache-Control", "no-cache") // a balance of a while ago is none (RFC 9111 section 5.2.1.4)
	}
	resp, err := c.http.Do(op.watched(req))
	if err != nil {
		return nil, c.onTheWay(caller, httpcall.Cause(err))
	}
	defer resp.Body.Close()
	limit := int64(maxAnswer)
	if resp.StatusCode < 300 && op.limit > 0 {
		limit = op.limit
	}
	doc, err := httpcall.ReadBody(resp.Body, limit)
	switch {
	case errors.Is(err, httpcall.ErrTooLarge) && resp.StatusCode < 300:
		return nil, c.nonsense()
	case errors.Is(err, httpcall.ErrTooLarge):
		doc = nil // its status may still say something
	case err != nil:
		return nil, c.onTheWay(caller, err)
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated {
		return &answer{resp.Header, doc}, nil
	}
	return nil, c.refusal(op, resp, doc)
}

// onTheWay is a request that got lost. Where the client's own timeout ended it
// that speaks against the ledger; the caller's patience does not.
func (c *Client) onTheWay(caller context.Context, cause error) error {
	outcome := httpcall.Ill
	if c.gaveUp(caller) {
		outcome = httpcall.Unknown
	}
	return &callError{kind: ErrUnavailable, text: cause.Error(), outcome: outcome, retry: true}
}
