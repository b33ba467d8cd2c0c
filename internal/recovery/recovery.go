// Package recovery keeps a panic of the program's own code from ending the
// process, on goroutines that a program did not start and can't recover on, and
// the text of panics out of logs.
package recovery

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// Text says of the value of a panic what a log may have: its type, and its text
// only where the runtime made it, since any other may hold a secret.
func Text(v any) string {
	if fault, ok := v.(runtime.Error); ok {
		return fault.Error()
	}
	return fmt.Sprintf("%T", v)
}

// Run runs f, and logs a panic of it as one error with where it came from.
// doing says in the log what f was about.
func Run(log *slog.Logger, doing string, f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		stack := debug.Stack()
		defer func() { _ = recover() }() // of the logger itself
		log.Error("the program's own code panicked: "+doing, "panic", Text(v), "stack", string(stack))
	}()
	f()
}
