package wire

// Generation is the generation of clients whose way a server takes where two of
// them want different things.
type Generation string

// The generations: the services of December 2025, and those of 2026.
const (
	Generation2025 Generation = "2025"
	Generation2026 Generation = "2026"
)

// newer are the codes that have another name in 2026.
var newer = map[Code]Code{
	EmailAlreadyExists: "EMAIL_ALREADY_REGISTERED",
	ValidationFailed:   "VALIDATION",
	InvalidToken:       "TOKEN_INVALID",
}

// In is the name that a code has in a generation.
func (c Code) In(g Generation) Code {
	if name, ok := newer[c]; ok && g == Generation2026 {
		return name
	}
	return c
}

// In turns an envelope into that of a generation: the clients of 2026 read error
// and status. Code keeps its name.
func (e Envelope) In(g Generation) Envelope {
	if g == Generation2026 {
		e.Error, e.Status = e.Code.In(g), e.StatusCode
	}
	return e
}
