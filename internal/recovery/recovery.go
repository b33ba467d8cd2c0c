// Package recovery keeps a panic of the program's own code from ending the
// process, on goroutines that a program did not start and can't recover on.
package recovery

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// Run runs f, and logs a panic of it as one error. doing says in the log what f
// was about. The log has the panic's type and where it came from; its text only
// where the runtime made it, since any other may hold a secret.
func Run(log *slog.Logger, doing string, f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		what := fmt.Sprintf("%T", v)
		if fault, ok := v.(runtime.Error); ok {
			what = fault.Error()
		}
		stack := debug.Stack()
		defer func() { _ = recover() }() // of the logger itself
		log.Error("the program's own code panicked: "+doing, "panic", what, "stack", string(stack))
	}()
	f()
}
