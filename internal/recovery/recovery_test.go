package recovery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// broken is a handler of logs that panics.
type broken struct{ slog.Handler }

func (broken) Handle(context.Context, slog.Record) error { panic("log") }

func TestRun(t *testing.T) {
	t.Parallel()
	var none map[string]int
	for _, c := range []struct {
		name string
		f    func()
		want string // in the log; "": nothing is logged
	}{
		{"no panic", func() {}, ""},
		{"a text", func() { panic("secret") }, "panic=string"},
		{"an error", func() { panic(errors.New("secret")) }, "panic=*errors.errorString"},
		{"of the runtime", func() { none["secret"] = 1 }, `panic="assignment to entry in nil map"`},
		{"nil", func() { panic(nil) }, "panic called with nil argument"},
	} {
		var log bytes.Buffer
		Run(slog.New(slog.NewTextHandler(&log, nil)), "a test", c.f)
		text := log.String()
		if (text == "") != (c.want == "") || !strings.Contains(text, c.want) || strings.Contains(text, "secret") {
			t.Errorf("%s: the log is %q, want %q in it", c.name, text, c.want)
		}
		if c.want != "" && (strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "a test") || !strings.Contains(text, "recovery_test.go")) {
			t.Errorf("%s: the log is %q, want one error with what was done and where", c.name, text)
		}
	}
	Run(slog.New(broken{slog.DiscardHandler}), "a test", func() { panic("secret") }) // and the process goes on
}
