package postgres

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// statement is SQL whose parameters have names, as those of pgx.NamedArgs. It
// is rewritten once, and not at every call as pgx does it, which for a long
// one costs as much as all else that the client has to do.
type statement struct {
	text  string   // with $1, $2 and so on
	names []string // of these
}

var parameter = regexp.MustCompile(`@\w+`)

func named(sql string) statement {
	var s statement
	s.text = parameter.ReplaceAllStringFunc(sql, func(name string) string {
		n := slices.Index(s.names, name[1:])
		if n < 0 {
			n = len(s.names)
			s.names = append(s.names, name[1:])
		}
		return "$" + strconv.Itoa(n+1)
	})
	return s
}

// queue adds the statement to a batch.
func (s statement) queue(batch *pgx.Batch, args pgx.NamedArgs) *pgx.QueuedQuery {
	return batch.Queue(s.text, s.values(args)...)
}

// values are the arguments in the order of the text.
func (s statement) values(args pgx.NamedArgs) []any {
	list := make([]any, len(s.names))
	for n, name := range s.names {
		list[n] = args[name]
	}
	return list
}
