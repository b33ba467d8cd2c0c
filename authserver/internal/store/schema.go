package store

import (
	"fmt"
	"strings"
)

// NewerSchema is the error of opening a database whose schema is newer than
// the program. The database is left as it is.
type NewerSchema struct {
	// Names are the names of the migrations that ran on the database and that
	// the program does not know.
	Names []string
}

func (e *NewerSchema) Error() string {
	return fmt.Sprintf("the schema is from a newer program: this one does not know %s, which ran on it; "+
		"the database was left as it is, run the newer program or restore a backup from before it", strings.Join(e.Names, ", "))
}
