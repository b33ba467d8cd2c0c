// Package wire holds what crosses the network: the JSON bodies of the
// contract, its error codes and the one table from code to HTTP status. The
// client, the guards, the credits client and the auth server all read it, so
// that the two ends cannot drift apart.
package wire
