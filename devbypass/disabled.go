//go:build nodevbypass

package devbypass

import "github.com/manacore/manacore-go/client"

const compiledIn = false

func standIn(auth client.Verifier, _ client.User) client.Verifier { return auth }
