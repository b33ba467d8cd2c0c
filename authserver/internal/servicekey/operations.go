// Package servicekey holds the rules of service keys: the keys by which a
// service of an app shows who it is, what each of them allows, how an operator
// makes and revokes them, and how one that is presented is checked. It knows
// nothing of HTTP.
package servicekey

import (
	"fmt"
	"slices"
)

// The operations that a key may allow. Each is the last fixed part of the path
// of its credit route.
const (
	Balance = "balance"
	Init    = "init"
	Use     = "use"
	Refund  = "refund"
	Grant   = "grant"
	Reserve = "reserve"
	Commit  = "commit"
	Release = "refund-reservation"
	History = "transactions"
	Usage   = "usage"
)

// usual are the operations of a key that names none: all but Grant, which makes
// credits out of nothing.
var usual = []string{Balance, Init, Use, Refund, Reserve, Commit, Release, History, Usage}

// Operations are all operations that a key may allow.
func Operations() []string { return append(slices.Clone(usual), Grant) }

// orUsual are the operations of a key that names these.
func orUsual(named []string) []string {
	if len(named) == 0 {
		return usual
	}
	return named
}

// CheckOperations returns an error where a name is no operation.
func CheckOperations(named []string) error {
	for _, operation := range named {
		if !slices.Contains(Operations(), operation) {
			return fmt.Errorf("unknown operation %q; there are %v", operation, Operations())
		}
	}
	return nil
}

// UnknownApp is the app of what a service does with the single key and without
// the name of an app. No key can be made for it.
const UnknownApp = "unknown"

// MinSingle is the least number of characters of the single key, which an
// operator makes by hand.
const MinSingle = 32
