// Package revocation knows which sessions ended before their time, and what an
// access token is worth.
//
// A [Log] polls the database for the sessions that any server ended, and hears
// at once of those that this one ended. [Verdicts] judges access tokens and
// remembers the verdicts for as long as the Log can say that nothing has changed.
package revocation
