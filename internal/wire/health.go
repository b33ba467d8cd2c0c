package wire

// Health is the body of the health routes. Checks is absent on the plain one.
type Health struct {
	Status    string           `json:"status"` // "ok" or "error"
	Timestamp string           `json:"timestamp"`
	Checks    map[string]Check `json:"checks,omitempty"`
}

// Check is the state of one part that the server needs.
type Check struct {
	Status string `json:"status"` // "up" or "down"
}

// Unready is the body of a readiness answer with status 503: the error
// envelope that every error has, and the checks.
type Unready struct {
	Envelope
	Status string           `json:"status"`
	Checks map[string]Check `json:"checks"`
}
