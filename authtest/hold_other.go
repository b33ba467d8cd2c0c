//go:build !unix

package authtest

import "io"

// holdPort holds nothing where a port cannot be bound without listening in a
// portable way: another process may take it meanwhile.
func holdPort(string) (io.Closer, error) { return noHold{}, nil }

type noHold struct{}

func (noHold) Close() error { return nil }
