package wire

import "cmp"

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

// In turns an envelope into that of a generation: the clients of 2026 read
// error. Code keeps its name.
func (e Envelope) In(g Generation) Envelope {
	e.Error = e.Code.In(g)
	return e
}

// Known reports whether g is one of the generations.
func (g Generation) Known() bool { return g == Generation2025 || g == Generation2026 }

// The names by which tokens know their issuer and their audience. A server of
// either generation and a client take both.
const (
	Issuer2025   = "manacore"
	Audience2025 = "manacore"
	Audience2026 = "mana"
)

// Names are the issuer and the audience of the tokens of a server. Whatever is
// not configured follows from the generation.
func (g Generation) Names(issuer, audience, baseURL string) (iss, aud string) {
	if g == Generation2026 {
		return cmp.Or(issuer, baseURL, Issuer2025), cmp.Or(audience, Audience2026)
	}
	return cmp.Or(issuer, Issuer2025), cmp.Or(audience, Audience2025)
}

// Difference is something that the generations want differently, and that a server
// therefore does as its generation says. What can serve both is always served.
type Difference struct{ What, In2025, In2026 string }

// Differences are all of them.
var Differences = []Difference{
	{What: "iss", In2025: "JWT_ISSUER, else " + Issuer2025, In2026: "JWT_ISSUER, else BASE_URL, else " + Issuer2025},
	{What: "aud", In2025: "JWT_AUDIENCE, else " + Audience2025, In2026: "JWT_AUDIENCE, else " + Audience2026},
	{What: "claims beside sub, email, role, sid", In2025: "none", In2026: "tier, email_verified"},
	{What: "error in the envelope", In2025: "as code", In2026: "EMAIL_ALREADY_REGISTERED, VALIDATION, TOKEN_INVALID"},
}

// As is what a generation does.
func (d Difference) As(g Generation) string {
	if g == Generation2026 {
		return d.In2026
	}
	return d.In2025
}
