package guardtest

import (
	"strings"
	"testing"

	"github.com/manacore/manacore-go/middleware"
)

// credentials is what a request sends, and who passes with it: want on a
// guarded route, optional on an optional one, nil where both are the same.
type credentials struct {
	name     string
	header   string
	want     deny
	user     string // passes as, when want is nil
	optional string // passes as on an optional route, though want is set
}

const anonymous = "anonymous"

var credentialTable = []credentials{
	{name: "G125 none", want: noToken, optional: anonymous},
	{name: "G125 empty header", header: "Authorization:", want: noToken, optional: anonymous},
	{name: "token", header: "Authorization: Bearer good", user: "ada"},
	{name: "G126 lower case", header: "authorization: bearer good", user: "ada"},
	{name: "G126 upper case", header: "AUTHORIZATION: BEARER good", user: "ada"},
	{name: "G126 mixed case", header: "Authorization: bEaReR good", user: "ada"},
	{name: "G127 longer scheme", header: "Authorization: BearerX good", want: form(anotherScheme)},
	{name: "G127 comma", header: "Authorization: Bearer,good", want: form(oneWord)},
	{name: "G127 Token", header: "Authorization: Token good", want: form(anotherScheme)},
	{name: "G127 Basic", header: "Authorization: Basic Z29vZDpnb29k", want: form(anotherScheme)},
	{name: "G127 no scheme", header: "Authorization: good", want: form(oneWord)},
	{name: "S34 the token alone", header: "Authorization: aaa.bbb.ccc", want: form(oneWord)},
	{name: "S34 colon", header: "Authorization: Bearer: good", want: form(anotherScheme)},
	{name: "S34 variable that is empty", header: "Authorization: Bearer ", want: form(nothingAfter)},
	{name: "S34 scheme twice", header: "Authorization: Bearer Bearer good", want: twice(bearerTwice)},
	{name: "S34 blank in the token", header: "Authorization: Bearer go od", want: twice(twoWords)},
	{name: "S34 tab in the token", header: "Authorization: Bearer go\tod", want: twice(twoWords)},
	{name: "G128 spaces", header: "Authorization:  Bearer   good  ", user: "ada"},
	{name: "G128 tab", header: "Authorization: Bearer\tgood", want: twice(tabAfterBearer)},
	{name: "G128 extra word", header: "Authorization: Bearer good extra", want: twice(twoWords)},
	{name: "G128 second scheme", header: "Authorization: Bearer good, Basic x", want: twice(twoWords)},
	{name: "G129 same twice", header: "Authorization: Bearer good\nAuthorization: Bearer good", want: twice(severalHeaders)},
	{name: "G129 two tokens", header: "Authorization: Bearer bad\nauthorization: Bearer good", want: twice(severalHeaders)},
	{name: "G129 Basic and Bearer", header: "Authorization: Basic x\nAuthorization: Bearer good", want: twice(severalHeaders)},
	{name: "G129 empty and Bearer", header: "Authorization:\nAuthorization: Bearer good", want: twice(severalHeaders)},
	{name: "G132 cookie", header: "Cookie: token=good; access_token=good; Authorization=Bearer good", want: noToken, optional: anonymous},
	{name: "G133 no value", header: "Authorization: Bearer", want: form(nothingAfter)},
	{name: "G133 comma in the token", header: "Authorization: Bearer go,od", want: invalid},
	{name: "G133 beyond ASCII", header: "Authorization: Bearer good\u200b", want: invalid},
	{name: "G133 latin-1 byte", header: "Authorization: Bearer good\xff", want: invalid},
	{name: "F115 dots", header: "Authorization: Bearer " + strings.Repeat(".", 1<<19), want: invalid},
	{name: "F124 spaces", header: "Authorization: Bearer" + strings.Repeat(" ", 1<<19) + "good", user: "ada"},
	{name: "G134 identity headers", header: "X-User-Id: root\nX-Forwarded-User: root\nRemote-User: root", want: noToken, optional: anonymous},
	{name: "G134 identity headers beside a token", header: "X-User-Id: root\nAuthorization: Bearer good", user: "ada"},
	{name: "G135 expired", header: "Authorization: Bearer expired", want: expired},
	{name: "G135 forbidden", header: "Authorization: Bearer forbidden", want: forbidden},
	{name: "G136 claim text in an error", header: "Authorization: Bearer nasty-refused", want: invalid},
	{name: "G136 claim text in an unknown error", header: "Authorization: Bearer nasty", want: unavailable},
	{name: "G139 bad token", header: "Authorization: Bearer bad", want: invalid},
	{name: "G140 outage", header: "Authorization: Bearer down", want: unavailable},
	{name: "G143 asks for the bypass", header: "X-Auth-Bypass: dev\nX-Dev-Bypass-Auth: true\nCookie: DEV_BYPASS_AUTH=true\nX-Forwarded-For: 127.0.0.1\nForwarded: for=localhost", want: noToken, optional: anonymous},
}

func runCredentials(t *testing.T, build Build) {
	for _, tt := range credentialTable {
		for _, mode := range []string{"required", "optional"} {
			t.Run(tt.name+", "+mode, func(t *testing.T) {
				t.Parallel()
				var opts []middleware.Option
				if mode == "optional" {
					opts = append(opts, middleware.Optional())
				}
				s := start(t, build, App{
					Guards: guarded(opts...),
					Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}},
				})
				s.expect(t, request("GET /me", tt.header), "", tt.answer(mode))
			})
		}
	}
	t.Run("G130 query and body", func(t *testing.T) { t.Parallel(); runOtherSources(t, build) })
	t.Run("G132 cookie that was asked for", func(t *testing.T) { t.Parallel(); runCookie(t, build) })
	t.Run("G140 everything down", func(t *testing.T) { t.Parallel(); runDown(t, build) })
}

func (c credentials) answer(mode string) answer {
	switch {
	case c.want == nil:
		return as(c.user)
	case mode == "optional" && c.optional != "":
		return as(c.optional)
	default:
		return c.want("/me")
	}
}

func request(line, header string) string {
	if header == "" {
		return line
	}
	return line + "\n" + header
}

// runOtherSources: a token in the query or the body is none, and the handler
// finds the body unread.
func runOtherSources(t *testing.T, build Build) {
	const form = "access_token=good"
	const header = "Content-Type: application/x-www-form-urlencoded"
	s := start(t, build, App{
		Guards: guarded(),
		Routes: []Route{
			{Method: "GET", Path: "/me", Serve: whoami(t)},
			{Method: "POST", Path: "/me", Serve: echoBody(t)},
		},
	})
	s.expect(t, "GET /me?access_token=good&token=good", "", noToken("/me"))
	s.expect(t, "POST /me\n"+header, form, noToken("/me"))
	s.expect(t, "GET /me?access_token=admin\nAuthorization: Bearer good", "", as("ada"))
	s.expect(t, "GET /me?access_token=good\nAuthorization: Bearer bad", "", invalid("/me"))
	s.expect(t, "POST /me\n"+header+"\nAuthorization: Bearer good", form, as(form))
}

func runCookie(t *testing.T, build Build) {
	s := start(t, build, App{
		Guards: guarded(middleware.Cookie("mana")),
		Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}},
	})
	s.expect(t, "GET /me\nCookie: a=b; mana=good", "", as("ada"))
	s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
	s.expect(t, "GET /me\nCookie: mana=bad", "", invalid("/me"))
	s.expect(t, "GET /me\nCookie: manas=good", "", noToken("/me"))
	s.expect(t, "GET /me\nCookie: mana=\"good\"", "", as("ada")) // S28
	s.expect(t, "GET /me\nCookie: mana=\"good", "", invalid("/me"))
	s.expect(t, "GET /me\nCookie: mana=\"\"", "", noToken("/me"))
	s.expect(t, "GET /me\nCookie: mana=good; mana=good", "", twice(severalCookies)("/me"))
	s.expect(t, "GET /me\nCookie: mana=good\nAuthorization: Bearer good", "", twice(headerAndCookie)("/me"))
	s.expect(t, "GET /me\nCookie: a=b\nAuthorization: good", "", form(oneWord)("/me"))
	s.expect(t, "GET /me\nCookie: mana=good\nAuthorization: Basic x", "", as("ada"))
}

// runDown: without a verdict nobody passes, whatever was sent.
func runDown(t *testing.T, build Build) {
	for _, opts := range [][]middleware.Option{nil, {middleware.Optional()}} {
		layers := guarded(opts...)
		layers[0].Auth = verifierFunc(stubDown)
		s := start(t, build, App{Guards: layers, Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
		s.expect(t, "GET /me", "", unavailable("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", unavailable("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer good\nAuthorization: Bearer good", "", twice(severalHeaders)("/me"))
	}
}
