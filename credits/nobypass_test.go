//go:build nodevbypass

package credits_test

const bypassed = false
