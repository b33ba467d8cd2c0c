package credits

import (
	stdjson "encoding/json"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

// readPage reads a page of a user's transactions, and refuses what no ledger
// has.
func readPage(doc []byte, userID string) ([]Transaction, error) {
	var rows []wire.CreditTransaction
	if err := json.Unmarshal(doc, &rows); err != nil || rows == nil {
		return nil, errAnswer
	}
	list := make([]Transaction, 0, len(rows))
	for _, row := range rows {
		at, err := time.Parse(time.RFC3339, row.CreatedAt)
		if err != nil || !isID(row.ID) || row.UserID != userID || row.Amount == 0 || row.Type == "" ||
			sane(row.BalanceBefore, row.BalanceAfter, max(row.Amount, -row.Amount)) != nil {
			return nil, errAnswer
		}
		t := Transaction{
			ID: row.ID, Type: row.Type, Source: row.Source, Amount: row.Amount, BalanceBefore: row.BalanceBefore, BalanceAfter: row.BalanceAfter,
			AppID: row.AppID, Operation: row.Description, CreatedAt: at,
		}
		if row.Metadata.Kind() == '{' {
			t.Metadata = stdjson.RawMessage(row.Metadata)
		}
		if row.IdempotencyKey != nil {
			t.Key = *row.IdempotencyKey
		}
		list = append(list, t)
	}
	return list, nil
}
