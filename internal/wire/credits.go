package wire

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The routes of the credit ledger below the auth server's base URL. Services
// call theirs under either prefix: the older NestJS package under the first,
// the later one under the second.
const (
	CreditsPath         = "/api/v1/credits"
	InternalCreditsPath = "/api/v1/internal/credits"
)

// The headers by which a service says who it is. X-App-Id names the app that
// the key was made for.
const (
	ServiceKeyHeader = "X-Service-Key"
	AppIDHeader      = "X-App-Id"
)

// MaxCredits is the largest amount and balance: JSON numbers beyond it lose
// digits in clients that read them as float64.
const MaxCredits = 1<<53 - 1

// NextCursorHeader carries the cursor of the following page of transactions.
// It is absent after the last one.
const NextCursorHeader = "X-Next-Cursor"

// ReservationHeader names the reservation or the transaction behind an answer
// that was charged for.
const ReservationHeader = "X-Credit-Reservation"

// CreditBalance is the body of GET balance. Free credits are spent first. What a
// user may spend is Balance + FreeCreditsRemaining, but below
// InternalCreditsPath it is Balance, see At.
type CreditBalance struct {
	Balance              int64 `json:"balance"`
	FreeCreditsRemaining int64 `json:"freeCreditsRemaining"`
	TotalEarned          int64 `json:"totalEarned"`
	TotalSpent           int64 `json:"totalSpent"`
	DailyFreeCredits     int64 `json:"dailyFreeCredits"`
}

// At turns a body whose Balance has no free credits into the one for a path:
// below InternalCreditsPath Balance is all that may be spent, since the later
// clients read that member alone.
func (b CreditBalance) At(path string) CreditBalance {
	if strings.HasPrefix(path, InternalCreditsPath+"/") {
		b.Balance += b.FreeCreditsRemaining
	}
	return b
}

// CreditTransaction is a row of the ledger. Amount is negative where it takes.
// What does not apply is null; instants are in TimeFormat.
type CreditTransaction struct {
	ID             string         `json:"id"`
	UserID         string         `json:"userId"`
	Type           string         `json:"type"`
	Status         string         `json:"status"`
	Amount         int64          `json:"amount"`
	BalanceBefore  int64          `json:"balanceBefore"`
	BalanceAfter   int64          `json:"balanceAfter"`
	AppID          string         `json:"appId"`
	Description    string         `json:"description"`
	OrganizationID *string        `json:"organizationId"`
	Metadata       jsontext.Value `json:"metadata"`
	IdempotencyKey *string        `json:"idempotencyKey"`
	// Source is who reported the transaction: "service", an app with its key;
	// "user", the user's own client, which proves nothing to the app; or
	// "system", the ledger itself. Ledgers of 2026 say nothing about it.
	Source      string  `json:"source,omitempty"`
	CreatedAt   string  `json:"createdAt"`
	CompletedAt *string `json:"completedAt"`
}

// CreditUseRequest is the body of POST use. UserID is absent on the route of
// end users, who can only spend their own.
type CreditUseRequest struct {
	UserID         string         `json:"userId,omitempty"`
	Amount         int64          `json:"amount"`
	AppID          string         `json:"appId"`
	Description    string         `json:"description"`
	IdempotencyKey string         `json:"idempotencyKey,omitempty"`
	Metadata       jsontext.Value `json:"metadata,omitempty"`
}

// CreditUseResponse is the body of a successful POST use. Message is set on a
// replay.
type CreditUseResponse struct {
	Success     bool              `json:"success"`
	Transaction CreditTransaction `json:"transaction"`
	NewBalance  CreditNewBalance  `json:"newBalance"`
	Message     string            `json:"message,omitempty"`
}

// CreditReplayed is CreditUseResponse.Message on a replay.
const CreditReplayed = "Transaction already processed"

// CreditNewBalance is what a transaction left.
type CreditNewBalance struct {
	Balance              int64 `json:"balance"`
	FreeCreditsRemaining int64 `json:"freeCreditsRemaining"`
	TotalSpent           int64 `json:"totalSpent"`
}

// CreditRefundRequest is the body of POST refund. With TransactionID it never
// gives back more than what that transaction took.
type CreditRefundRequest struct {
	UserID         string         `json:"userId"`
	Amount         int64          `json:"amount"`
	AppID          string         `json:"appId"`
	Description    string         `json:"description"`
	Metadata       jsontext.Value `json:"metadata,omitempty"`
	TransactionID  string         `json:"transactionId,omitempty"`
	IdempotencyKey string         `json:"idempotencyKey,omitempty"`
}

// CreditGrantRequest is the body of POST grant, which counts once for each
// ReferenceID.
type CreditGrantRequest struct {
	UserID      string `json:"userId"`
	Amount      int64  `json:"amount"`
	Reason      string `json:"reason"`
	ReferenceID string `json:"referenceId"`
	Description string `json:"description,omitempty"`
}

// CreditGrantResponse is the body of a successful POST grant.
type CreditGrantResponse struct {
	OK             bool   `json:"ok"`
	AlreadyGranted bool   `json:"alreadyGranted"`
	NewBalance     int64  `json:"newBalance"`
	TransactionID  string `json:"transactionId"`
}

// CreditInitRequest is the body of POST init, which answers a CreditBalance.
type CreditInitRequest struct {
	UserID string `json:"userId"`
}

// CreditReserveRequest is the body of POST reserve. ExpiresIn is in seconds.
type CreditReserveRequest struct {
	UserID         string `json:"userId"`
	Amount         int64  `json:"amount"`
	Reason         string `json:"reason"`
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	ExpiresIn      int64  `json:"expiresIn,omitzero"`
}

// CreditReserveResponse is the body of a successful POST reserve. Balance is
// what may still be spent.
type CreditReserveResponse struct {
	ReservationID string `json:"reservationId"`
	Balance       int64  `json:"balance"`
	ExpiresAt     string `json:"expiresAt"`
}

// CreditCommitRequest is the body of POST commit. Amount nil takes all that was
// reserved; a smaller one returns the rest.
type CreditCommitRequest struct {
	ReservationID string `json:"reservationId"`
	Description   string `json:"description,omitempty"`
	Amount        *int64 `json:"amount,omitempty"`
}

// CreditCommitResponse is the body of a successful POST commit, and of its
// retry.
type CreditCommitResponse struct {
	Success       bool   `json:"success"`
	TransactionID string `json:"transactionId"`
}

// CreditReleaseRequest is the body of POST refund-reservation.
type CreditReleaseRequest struct {
	ReservationID string `json:"reservationId"`
}

// CreditReleaseResponse is the body of a successful POST refund-reservation,
// and of its retry. Balance is what may be spent again.
type CreditReleaseResponse struct {
	Success bool  `json:"success"`
	Balance int64 `json:"balance"`
}

// CreditUsageResponse is the body of GET usage, ordered by day and app. Days
// without a usage or a refund are not listed.
type CreditUsageResponse struct {
	Usage []CreditDayUsage `json:"usage"`
}

// CreditDayUsage is what a user spent with an app on a day. Used and Refunded
// are in credits; a refund counts on the day on which it was made.
type CreditDayUsage struct {
	AppID    string `json:"appId"`
	Day      string `json:"day"` // of UTC, YYYY-MM-DD
	Used     int64  `json:"used"`
	Refunded int64  `json:"refunded"`
	Uses     int64  `json:"uses"` // how many usages
}

// InsufficientDetails stand in the 402 that a backend answers its end users
// with.
type InsufficientDetails struct {
	RequiredCredits  int64  `json:"requiredCredits"`
	AvailableCredits int64  `json:"availableCredits"`
	CreditType       string `json:"creditType"` // "user"
	Operation        string `json:"operation"`
}

// InsufficientServiceDetails stand in the 402 of a service's request. One
// generation of clients reads the figures under the names of
// InsufficientDetails, the next under these.
type InsufficientServiceDetails struct {
	InsufficientDetails
	Required  int64 `json:"required"`
	Available int64 `json:"available"`
}

// NewInsufficientDetails fills the details of a service's 402.
func NewInsufficientDetails(required, available int64, operation string) InsufficientServiceDetails {
	return InsufficientServiceDetails{
		InsufficientDetails: InsufficientDetails{
			RequiredCredits: required, AvailableCredits: available, CreditType: "user", Operation: operation,
		},
		Required: required, Available: available,
	}
}

// InsufficientEnvelope is the 402 of a service's request.
type InsufficientEnvelope struct {
	Envelope
	Details InsufficientServiceDetails `json:"details"`
}

// The states of a reservation.
const (
	ReservationOpen      = "open"
	ReservationCommitted = "committed"
	ReservationReleased  = "released"
	ReservationExpired   = "expired"
)

// KeyReusedDetails stand in the 422 of a reserve whose key belongs to another
// reservation, and say what has become of that one: who retries an operation
// that came to nothing may then do so under the next key, and who retries one
// that was charged is told.
type KeyReusedDetails struct {
	State string `json:"state"`
}

// KeyReusedEnvelope is that 422.
type KeyReusedEnvelope struct {
	Envelope
	Details KeyReusedDetails `json:"details"`
}

// InsufficientCreditsBody is the 402 that a backend answers its end users
// with, as the exception of the NestJS package has it.
type InsufficientCreditsBody struct {
	StatusCode int                 `json:"statusCode"`
	Error      string              `json:"error"` // "Insufficient Credits"
	Message    string              `json:"message"`
	Details    InsufficientDetails `json:"details"`
}
