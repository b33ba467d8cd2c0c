package store

import "fmt"

// NewerSchema is the error of opening a database whose schema is newer than
// the program. The database is left as it is.
type NewerSchema struct{ Version, Known int64 }

func (e *NewerSchema) Error() string {
	return fmt.Sprintf("schema version %d is from a newer program: this one knows versions up to %d; "+
		"the database was left as it is, run the newer program or restore a backup from before it", e.Version, e.Known)
}
