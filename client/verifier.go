package client

import "context"

// Verifier turns a token into the user it speaks for. *Client is the real
// one; devbypass wraps any of them.
//
// On an error the User is the zero value, and the error is ErrUnauthenticated
// or ErrUnavailable by errors.Is. An empty token is ErrNoToken: that the
// request carries none is the verifier's decision, not the guard's.
type Verifier interface {
	Verify(ctx context.Context, token string) (User, error)
}
