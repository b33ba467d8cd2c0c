package middleware

import (
	"context"
	"testing"

	"github.com/manacore/manacore-go/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

var ada = client.User{ID: "ada", Email: "ada@example.com", Role: "user", SessionID: "s1"}

// oneToken knows the token "good", which is ada's.
var oneToken = verifierFunc(func(_ context.Context, token string) (client.User, error) {
	switch token {
	case "good":
		return ada, nil
	case "":
		return client.User{}, client.ErrNoToken
	default:
		return client.User{}, client.ErrSignature
	}
})
