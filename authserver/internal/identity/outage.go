package identity

import "time"

// maxGrace is the longest time after it was spent for which a refresh token
// yields its successor, whatever happens to the database.
const maxGrace = 10 * time.Minute

// Outage is the last time for which a server could not reach its database. The
// zero Outage is none. A start is no return from an outage.
type Outage struct {
	// Lost is when the database was last reached before it.
	Lost time.Time
	// Back is when the database was reached again. Zero while it is away.
	Back time.Time
}

// spares reports whether the grace of a token that was spent at an instant goes
// on at now because of the outage. It does where the token was spent at most
// grace before the outage began, or meanwhile, until grace after its end. A token
// that was spent long before gains nothing, and neither does one that was spent
// after it: an outage that is over does not keep a theft from being seen.
func (o Outage) spares(spent, now time.Time, grace time.Duration) bool {
	if o.Lost.IsZero() || grace <= 0 || spent.Before(o.Lost.Add(-grace)) || now.Sub(spent) > maxGrace {
		return false
	}
	return o.Back.IsZero() || !spent.After(o.Back) && now.Sub(o.Back) <= grace
}
