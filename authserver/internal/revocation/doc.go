// Package revocation knows which sessions ended before they expired, and judges
// access tokens by it.
//
// A [Log] polls the database for the sessions that any server ended, and gets
// those that its own server ended at once. [Verdicts] judges access tokens and
// caches the verdicts for as long as the Log can say that the session has not
// ended.
package revocation
