package authtest_test

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/manacore/manacore-go/authtest"
)

// validate asks the issuer for its verdict on a token.
func validate(issuer *authtest.Issuer, token string) string {
	body := bytes.NewBufferString(`{"token":"` + token + `"}`)
	resp, err := issuer.HTTPClient().Post(issuer.URL()+"/api/v1/auth/validate", "application/json", body)
	if err != nil {
		return "no answer"
	}
	defer resp.Body.Close()
	verdict, err := io.ReadAll(resp.Body)
	if err != nil {
		return "no answer"
	}
	return string(verdict)
}

func Example() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	issuer := authtest.Start(authtest.WithClock(clock)) // in a test: authtest.NewIssuer(t)
	defer issuer.Close()

	token := issuer.Token(authtest.Subject("ada"), authtest.Email("ada@example.com"))
	fmt.Println(validate(issuer, token))

	clock.Advance(time.Hour)
	fmt.Println(validate(issuer, token))

	// Output:
	// {"valid":true,"payload":{"sub":"ada","email":"ada@example.com","role":"user","sid":"Vw6Xq1ZtB9nK4rMf8PjL2sYhC7dGe3Ua","sessionId":"Vw6Xq1ZtB9nK4rMf8PjL2sYhC7dGe3Ua","iss":"manacore","aud":"manacore","iat":1767323045,"exp":1767323945,"tier":"public","email_verified":false}}
	// {"valid":false,"error":"\"exp\" claim timestamp check failed"}
}

func ExampleIssuer_Token() {
	issuer := authtest.Start()
	defer issuer.Close()

	for _, token := range []string{
		issuer.Token(authtest.Expired()),
		issuer.Token(authtest.OtherAudience()),
		issuer.Token(authtest.OtherKey()),
		issuer.Token(authtest.AlgNone()),
		issuer.Token(authtest.RawPayload([]byte(`{"sub":"ada","sub":"admin"}`))),
	} {
		fmt.Println(validate(issuer, token))
	}

	// Output:
	// {"valid":false,"error":"\"exp\" claim timestamp check failed"}
	// {"valid":false,"error":"Invalid token: wrong audience"}
	// {"valid":false,"error":"Invalid token: signature verification failed"}
	// {"valid":false,"error":"Invalid token: wrong algorithm"}
	// {"valid":false,"error":"Invalid token: malformed claims"}
}

func ExampleIssuer_Refuse() {
	issuer := authtest.Start()
	defer issuer.Close()
	token := issuer.Token()

	issuer.Refuse()
	fmt.Println(validate(issuer, token))

	issuer.Up()
	issuer.Revoke(token)
	fmt.Println(validate(issuer, token))

	// Output:
	// no answer
	// {"valid":false,"error":"Invalid token: session revoked"}
}

func ExampleIssuer_Rotate() {
	issuer := authtest.Start()
	defer issuer.Close()

	old := issuer.Kids()[0]
	token := issuer.Token()
	issuer.Rotate()
	fmt.Println(len(issuer.Kids()), "keys")

	issuer.RemoveKey(old)
	fmt.Println(validate(issuer, token))

	// Output:
	// 2 keys
	// {"valid":false,"error":"Invalid token: unknown key"}
}

func ExampleClock() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	clock.AfterFunc(time.Minute, func() { fmt.Println("refresh at", clock.Now().Format(time.TimeOnly)) })

	clock.Advance(time.Hour)
	fmt.Println("now", clock.Now().Format(time.TimeOnly))

	// Output:
	// refresh at 03:05:05
	// now 04:04:05
}
