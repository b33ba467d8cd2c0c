package guardtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answer is what the guards promise of a response, to the byte.
type answer struct {
	Status       int
	Body         string // with the timestamp replaced by T
	Challenge    []string
	RetryAfter   []string
	ContentType  []string
	CacheControl []string
	Sniff        []string
	Bypass       []string
	Cookies      []string
}

var timestamp = regexp.MustCompile(`"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)

// do is send where the exchange itself has to succeed.
func (s *service) do(t *testing.T, head, body string) answer {
	t.Helper()
	got, err := s.send(head, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// send sends a request as it is written, byte by byte: http.Client would tidy
// it up. head is the request line and the header without Host and the final
// empty line, lines parted by "\n".
func (s *service) send(head, body string) (answer, error) {
	address := s.server.Listener.Addr().String()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	line, header, _ := strings.Cut(head, "\n")
	request := line + " HTTP/1.1\n" + "Host: " + address + "\nConnection: close\n"
	if body != "" {
		request += fmt.Sprintf("Content-Length: %d\n", len(body))
	}
	if header != "" {
		request += header + "\n"
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")+"\r\n"+body); err != nil {
		return answer{}, err
	}
	method, _, _ := strings.Cut(line, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{
		Status:       response.StatusCode,
		Body:         timestamp.ReplaceAllString(string(text), `"timestamp":"T"`),
		Challenge:    response.Header["Www-Authenticate"],
		RetryAfter:   response.Header["Retry-After"],
		ContentType:  response.Header["Content-Type"],
		CacheControl: response.Header["Cache-Control"],
		Sniff:        response.Header["X-Content-Type-Options"],
		Bypass:       response.Header["X-Auth-Bypass"],
		Cookies:      response.Header["Set-Cookie"],
	}, nil
}

// expect sends the request and holds the answer, and whether a handler ran,
// against want.
func (s *service) expect(t *testing.T, head, body string, want answer) {
	t.Helper()
	before := s.ran.Load()
	got := s.do(t, head, body)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.200q\nanswer (-want +got):\n%s", head, diff)
	}
	ran, wantRan := s.ran.Load()-before, int64(0)
	if want.Status == http.StatusOK {
		wantRan = 1
	}
	if ran != wantRan {
		t.Errorf("%.200q\nthe handler ran %d times; want %d", head, ran, wantRan)
	}
}

// as is the answer of whoami to that user.
func as(id string) answer {
	return answer{Status: 200, Body: id, ContentType: []string{"text/plain"}}
}

// deny is the answer to a refusal, on a request for path.
type deny func(path string) answer

func refusal(status int, code, message, challenge, retryAfter string) deny {
	return func(path string) answer {
		return answer{
			Status: status,
			Body: fmt.Sprintf(`{"statusCode":%d,"message":"%s","error":"%s","code":"%s","timestamp":"T","path":"%s"}`,
				status, message, code, code, path),
			Challenge:    lines(challenge),
			RetryAfter:   lines(retryAfter),
			ContentType:  []string{"application/json; charset=utf-8"},
			CacheControl: []string{"no-store"},
			Sniff:        []string{"nosniff"},
		}
	}
}

func lines(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// The refusals, one text for all frameworks.
var (
	noToken = refusal(401, "UNAUTHORIZED", "No token provided", `Bearer`, "")
	invalid = refusal(401, "INVALID_TOKEN", "Invalid token",
		`Bearer error="invalid_token", error_description="the token is not valid"`, "")
	expired = refusal(401, "TOKEN_EXPIRED", "Invalid token",
		`Bearer error="invalid_token", error_description="the token expired"`, "")
	forbidden = refusal(403, "FORBIDDEN", "Insufficient permissions",
		`Bearer error="insufficient_scope", error_description="the user lacks the role"`, "")
	unavailable = refusal(503, "SERVICE_UNAVAILABLE", "Request failed: authentication is unavailable, retry later", "", "2")
)

// form is noToken for credentials of another form than a bearer token's.
func form(reason string) deny {
	return refusal(401, "UNAUTHORIZED", "No token provided: "+reason, `Bearer`, "")
}

// twice is the answer to more than one credential.
func twice(reason string) deny {
	return refusal(400, "INVALID_REQUEST", "Exactly one bearer token is accepted: "+reason,
		`Bearer error="invalid_request", error_description="exactly one bearer token is accepted: `+reason+`"`, "")
}

// The reasons of form and twice.
const (
	severalHeaders  = "there are several Authorization headers"
	severalCookies  = "there are several cookies of the token's name"
	headerAndCookie = "there is one in the Authorization header and one in a cookie"
	tabAfterBearer  = "the Authorization header has a tab after Bearer in place of a space"
	twoWords        = "the Authorization header has more than one word after Bearer"
	bearerTwice     = "the Authorization header has the word Bearer twice"
	nothingAfter    = "the Authorization header has nothing after Bearer"
	oneWord         = "the Authorization header holds one word, and must hold Bearer, a space and the token"
	anotherScheme   = "the Authorization header has another scheme, and must hold Bearer, a space and the token"
)

// lacking is forbidden with the scope that would do.
func lacking(scope string) deny { return lacks("role", scope) }

// below is forbidden with the tier that would do.
func below(tier string) deny { return lacks("tier", tier) }

func lacks(what, scope string) deny {
	return refusal(403, "FORBIDDEN", "Insufficient permissions",
		`Bearer error="insufficient_scope", error_description="the user lacks the `+what+`", scope="`+scope+`"`, "")
}
