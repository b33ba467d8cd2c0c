package authtest

import "net/http"

const (
	// ServiceKey is the key that the issuer's credit ledger takes, of any app:
	// credits.Config.ServiceKey or MANA_SERVICE_KEY.
	ServiceKey = "authtest-service-key-for-every-app"
	// SignupBonus is what every user begins with, in free credits.
	SignupBonus = 150
)

// Grant gives a user paid credits.
func (i *Issuer) Grant(userID string, amount int64) { i.ledger.Grant(userID, amount) }

// Credits is what a user may spend, and what reservations hold beside it.
func (i *Issuer) Credits(userID string) (available, reserved int64) {
	balance, held := i.ledger.Account(userID)
	return balance.Balance + balance.FreeCreditsRemaining, held
}

// Charges are the amounts of a user's transactions, the oldest first: below
// zero what was taken, above what was given.
func (i *Issuer) Charges(userID string) []int64 {
	rows := i.ledger.Transactions(userID)
	amounts := make([]int64, len(rows))
	for n, row := range rows {
		amounts[len(rows)-1-n] = row.Amount
	}
	return amounts
}

// CreditRequests counts the requests to the credit ledger so far, unanswered
// ones included.
func (i *Issuer) CreditRequests() int { return int(i.creditRequests.Load()) }

// ServeCredits answers a request to the credit ledger as it would without a
// fault. It is there for a handler of FaultCredits that lets some requests
// through, or keeps an answer back.
func (i *Issuer) ServeCredits(w http.ResponseWriter, r *http.Request) { i.ledger.ServeHTTP(w, r) }

// lies turn a true answer of the ledger into one about another user, with a
// balance below zero, or of a success that is none.
var lies = []string{`"userId":"`, `"userId":"another-`, `"balance":`, `"balance":-1`, `"success":true`, `"success":false`}
