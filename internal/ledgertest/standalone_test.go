package ledgertest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
)

// standalone answers as the credits service of 2026 does.
type standalone struct {
	*httptest.Server

	mu       sync.Mutex
	key      string
	made     int
	accounts map[string]*account
	used     map[string]map[string]any // transactions, by key
	holds    map[string]*reservation
}

type account struct{ balance, earned, spent int64 }

type reservation struct {
	userID, reason, status string
	amount                 int64
}

// request is the body of every operation.
type request struct {
	UserID         string `json:"userId"`
	Amount         int64  `json:"amount"`
	AppID          string `json:"appId"`
	Description    string `json:"description"`
	Reason         string `json:"reason"`
	IdempotencyKey string `json:"idempotencyKey"`
	ReservationID  string `json:"reservationId"`
}

// problem is an error answer, which has no code.
type problem struct {
	status  int
	message string
	details any
}

func (p *problem) Error() string { return p.message }

func newStandalone(t *testing.T) *standalone {
	t.Helper()
	s := &standalone{
		key: authtest.ServiceKey, accounts: map[string]*account{},
		used: map[string]map[string]any{}, holds: map[string]*reservation{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// grant gives a user who has an account credits.
func (s *standalone) grant(userID string, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[userID].balance += amount
	s.accounts[userID].earned += amount
}

func (s *standalone) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := s.answer(r)
	if refused, ok := errors.AsType[*problem](err); ok {
		doc := map[string]any{"statusCode": refused.status, "message": refused.message}
		if refused.details != nil {
			doc["details"] = refused.details
		}
		wire.Reply(w, r, refused.status, doc)
		return
	}
	wire.Reply(w, r, http.StatusOK, body)
}

func (s *standalone) answer(r *http.Request) (any, error) {
	if r.Header.Get(wire.ServiceKeyHeader) != s.key {
		return nil, &problem{401, "Unauthorized", nil}
	}
	name, userID, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, credits.InternalPrefix+"/"), "/")
	if r.Method == http.MethodGet && name == "balance" {
		a := s.accounts[userID]
		if a == nil {
			a = &account{}
			s.accounts[userID] = a
		}
		return map[string]any{"balance": a.balance, "totalEarned": a.earned, "totalSpent": a.spent}, nil
	}
	var q request
	if r.Method != http.MethodPost || json.UnmarshalRead(r.Body, &q) != nil {
		return nil, &problem{404, "Not found", nil}
	}
	switch name {
	case "use":
		return s.use(q)
	case "refund":
		return s.refund(q)
	case "reserve":
		return s.reserve(q)
	case "commit", "refund-reservation":
		return s.settle(q, name == "commit")
	}
	return nil, &problem{404, "Not found", nil}
}

func (s *standalone) id() string {
	s.made++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.made)
}

// take finds the account of a user who has as much.
func (s *standalone) take(q request) (*account, error) {
	a := s.accounts[q.UserID]
	switch {
	case a == nil:
		return nil, &problem{404, "User balance not found", nil}
	case a.balance < q.Amount:
		return nil, &problem{402, "Insufficient credits", map[string]any{"required": q.Amount, "available": a.balance}}
	}
	a.balance -= q.Amount
	return a, nil
}

func (s *standalone) transaction(q request, kind string, change, after int64) map[string]any {
	return map[string]any{
		"id": s.id(), "userId": q.UserID, "type": kind, "status": "completed", "amount": change, "appId": q.AppID,
		"balanceBefore": after - change, "balanceAfter": after, "description": q.Description, "metadata": nil,
		"idempotencyKey": nil, "createdAt": "2026-01-02T03:04:05.000Z", "completedAt": "2026-01-02T03:04:05.000Z",
	}
}

func (s *standalone) use(q request) (any, error) {
	if known := s.used[q.IdempotencyKey]; known != nil {
		return map[string]any{"success": true, "transaction": known, "message": "Transaction already processed"}, nil
	}
	a, err := s.take(q)
	if err != nil {
		return nil, err
	}
	a.spent += q.Amount
	t := s.transaction(q, "usage", -q.Amount, a.balance)
	t["idempotencyKey"] = q.IdempotencyKey
	s.used[q.IdempotencyKey] = t
	return map[string]any{"success": true, "transaction": t, "newBalance": map[string]any{"balance": a.balance, "totalSpent": a.spent}}, nil
}

func (s *standalone) refund(q request) (any, error) {
	a := s.accounts[q.UserID]
	if a == nil {
		return nil, &problem{404, "User balance not found", nil}
	}
	a.balance += q.Amount
	a.earned += q.Amount
	return map[string]any{"success": true, "transaction": s.transaction(q, "refund", q.Amount, a.balance), "newBalance": map[string]any{"balance": a.balance}}, nil
}

func (s *standalone) reserve(q request) (any, error) {
	a, err := s.take(q)
	if err != nil {
		return nil, err
	}
	id := s.id()
	s.holds[id] = &reservation{userID: q.UserID, reason: q.Reason, status: "reserved", amount: q.Amount}
	return map[string]any{"reservationId": id, "balance": a.balance}, nil
}

// settle commits all of a reservation, whatever part is asked for, or returns
// it.
func (s *standalone) settle(q request, commit bool) (any, error) {
	v := s.holds[q.ReservationID]
	switch {
	case v == nil:
		return nil, &problem{404, "Reservation not found", nil}
	case v.status != "reserved":
		return nil, &problem{400, "Cannot settle a reservation that is " + v.status, nil}
	}
	a := s.accounts[v.userID]
	if commit {
		v.status = "committed"
		a.spent += v.amount
		return map[string]any{"success": true, "transactionId": s.id()}, nil
	}
	v.status = "refunded"
	a.balance += v.amount
	return map[string]any{"success": true, "balance": a.balance}, nil
}

// kindOf names an error's kind.
func kindOf(err error) string {
	for _, kind := range []struct {
		err  error
		name string
	}{
		{credits.ErrInsufficient, "insufficient"}, {credits.ErrKeyReused, "key reused"}, {credits.ErrConflict, "conflict"},
		{credits.ErrNotFound, "not found"}, {credits.ErrForbidden, "forbidden"}, {credits.ErrUnavailable, "unavailable"},
		{credits.ErrInvalid, "invalid"},
	} {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	return ""
}
