package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// blaming are the classes of SQLSTATEs that may be about one call of a batch:
// what it has to say, or a row that it concerns. The others, such as those of
// the connection, of resources and of rights, would be the same for every call.
// PostgreSQL documentation, appendix A.
var blaming = []string{
	"22", // data exception
	"23", // constraint violation
	"40", // transaction rollback, after the last attempt
	"54", // program limit exceeded: a value is too large
	"55", // object not in prerequisite state: another holds the row
	"P0", // an exception that a trigger raised
	"XX", // internal error: the row is damaged
}

// completionUnknown leaves open whether a transaction had its effect.
const completionUnknown = "40003"

// rejection is err, and wraps groupcommit.ErrRejected where one of several calls
// may be to blame.
func rejection(err error) error {
	if rejected(err) {
		return fmt.Errorf("%w: %w", groupcommit.ErrRejected, err)
	}
	return err
}

// rejected says whether the database undid a transaction for what it had to say
// or to read.
func rejected(err error) bool {
	var (
		answer *pgconn.PgError
		scan   pgx.ScanArgError
	)
	if !errors.As(err, &answer) {
		return errors.As(err, &scan) || errors.Is(err, errChanged)
	}
	// An error that ends the connection may come from a proxy that lost the
	// database while it committed.
	ended := answer.Severity == "FATAL" || answer.SeverityUnlocalized == "FATAL"
	return !ended && answer.Code != completionUnknown && len(answer.Code) == 5 && slices.Contains(blaming, answer.Code[:2])
}
