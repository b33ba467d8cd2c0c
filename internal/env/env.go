// Package env reads the environment variables of the SDK and of the auth server
// by one rule: white
// space around a value is trimmed, since a secret that Docker or Kubernetes
// mounts ends in a line feed, an empty variable counts as unset, quotes around a
// value are an error, since the shell would have removed them, and names of
// several generations for one setting must not contradict each other.
package env

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Reader reads variables and collects what is wrong with them. The zero value
// is ready.
type Reader struct {
	// Getenv is os.Getenv unless a test sets it.
	Getenv func(name string) string

	errs []error
}

// String is the value of a setting whose names are given, the newest first; ""
// where none is set.
func (r *Reader) String(names ...string) string { return r.read(names, false) }

// Secret is String for a value that must not get into an error.
func (r *Reader) Secret(names ...string) string { return r.read(names, true) }

// List is String for values that are separated by commas. Empty ones are
// dropped.
func (r *Reader) List(names ...string) []string {
	var values []string
	for value := range strings.SplitSeq(r.String(names...), ",") {
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		if quoted(value) {
			r.rejectf("%s holds %s in quotes, which would be part of the value: remove them", names[0], value)
		}
		values = append(values, value)
	}
	return values
}

// Err is everything that is wrong with the variables read so far, or nil.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

func (r *Reader) read(names []string, secret bool) string {
	get := r.Getenv
	if get == nil {
		get = os.Getenv
	}
	shown := func(value string) string {
		if secret {
			return "a secret"
		}
		return fmt.Sprintf("%q", value)
	}
	first, value := "", ""
	for _, name := range names {
		found := strings.TrimSpace(get(name))
		switch {
		case found == "":
			continue
		case quoted(found):
			r.rejectf("%s is %s in quotes, which would be part of the value: remove them", name, shown(found))
		case value == "":
			first, value = name, found
		case found != value && secret:
			r.rejectf("%s and %s are two names of one setting and hold different secrets: set one of them", first, name)
		case found != value:
			r.rejectf("%s is %q and %s, another name of the same setting, is %q: set one of them", first, value, name, found)
		}
	}
	return value
}

func (r *Reader) rejectf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

// quoted tells a value that begins or ends with a quote. No value of the SDK or
// of the auth server does.
func quoted(value string) bool {
	const quotes = "\"'`“”‘’"
	return strings.Trim(value, quotes) != value
}
