// Package middleware decides whether a request may pass: once, for every
// framework. The adapters nethttp, authecho and authgin ask it and write what
// it says, so that one team's service refuses exactly as the next one's.
//
// # The decision
//
// Guard.Admit reads the credentials, asks the Verifier and returns either the
// request to hand on or a Denial; it never writes. AdmitRoute is the same for
// routers that name the matched route. These are the denials:
//
//	no credentials          401 UNAUTHORIZED         "No token provided"
//	another form than ours  401 UNAUTHORIZED         "No token provided: " and what the header holds
//	a token that is no good 401 INVALID_TOKEN        "Invalid token"
//	an expired one          401 TOKEN_EXPIRED        "Invalid token"
//	role or tier missing    403 FORBIDDEN            error="insufficient_scope"
//	credentials sent twice  400 INVALID_REQUEST      "Exactly one bearer token is accepted: " and why
//	no verdict              503 SERVICE_UNAVAILABLE  Retry-After, no challenge
//
// An error that is none of the client's kinds is a 503: an outage is never a
// 401, and what cannot be checked does not pass. A panic of the Verifier is
// not caught: it ends the request before the handler.
//
// # Credentials
//
// A token comes in one header line "Authorization: Bearer TOKEN" (RFC 6750
// section 2.1). The query and the body are never read, and a cookie only with
// the option Cookie. The rule, on the value with surrounding blanks removed:
//
//   - No line, or an empty one: no credentials were sent.
//   - Two lines, the same or not: 400.
//   - The scheme is what stands before the first space or tab, in any case
//     (RFC 9110 section 11.1): "Bearer,x" and "BearerX" are other schemes.
//   - Another scheme, or "Bearer" alone: 401, on an optional route as well, and
//     never the bypass of a developer's machine. With the option Cookie a token
//     in the cookie counts beside another scheme.
//   - One or more spaces, then one word: the token. Which characters it may
//     hold is the Verifier's business; a bad one is a bad token, 401.
//   - A tab as the separator, or a second word: 400.
//
// # What the handler sees
//
// The request's context carries the verified user (client.CurrentUser) or, on
// a public route and for an anonymous caller of an optional one, none; a user
// that something put there before is hidden. Of nested guards the innermost
// has the last word.
//
// Headers by which proxies name a user are removed from every request that
// passes, since nobody verified them: Remote-User, X-Remote-User, X-User,
// X-User-{Email,Id,Name,Role,Roles}, X-Userid, X-Username, X-Webauth-User,
// X-Auth-User, X-Auth-Bypass,
// X-Auth-Request-{Email,Groups,Preferred-Username,User},
// X-Authenticated-{User,Userid} and
// X-Forwarded-{Email,Groups,Preferred-Username,User}, with an underscore in
// place of any hyphen too. KeepHeaders makes exceptions.
//
// # What stands outside
//
// The guard applies to every method, OPTIONS, HEAD, TRACE and upgrades to
// WebSocket included. A browser sends no credentials with a CORS preflight,
// so put the CORS handler outside the guard, where it answers preflights
// itself and adds its headers to denials as well.
//
// Put an access log outside too: one inside hears of no refused request.
// OnDenial hears of all of them.
//
// # A framework of one's own
//
// An adapter makes one Guard with New, asks Admit or AdmitRoute for each
// request, and writes the Denial or calls MarkBypass and the handler, and
// HandBack after it. The example of Guard.AdmitRoute is a whole one.
package middleware
