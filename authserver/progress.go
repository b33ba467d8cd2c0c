package authserver

// Progress says how far a long piece of work is.
type Progress struct {
	// Part is what is worked on: "users", "backup" or a Part of Finding.
	Part string
	// Done is how much is done. Zero while that is not known.
	Done int64
	// Total is how much there is. Zero where that is not known.
	Total int64
	// Unit is what is counted: "users", "pages", "transactions".
	Unit string
}

// tell tells progress, unless that is nil.
func tell(progress func(Progress), p Progress) {
	if progress != nil {
		progress(p)
	}
}
