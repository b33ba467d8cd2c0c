//go:build !nodevbypass

package credits

const bypassCompiledIn = true
