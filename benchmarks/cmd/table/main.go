// Command table runs the benchmarks and prints the tables of
// docs/benchmarks.md as Markdown. Run it in the folder benchmarks:
//
//	go run ./cmd/table
//	go run ./cmd/table -count 3 -benchtime 100ms
//
// It runs every benchmark once, then all of them again, and so on: what else
// the machine does then falls on all alike, and a ratio is taken within one
// pass.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	count := flag.Int("count", 10, "passes over all benchmarks; at least 1")
	benchtime := flag.Duration("benchtime", 300*time.Millisecond, "time for each benchmark in a pass")
	flag.Parse()
	if *count < 1 || *benchtime <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *count, *benchtime)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, count int, benchtime time.Duration) error {
	peers, err := peerVersions(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "benchmarks.test")
	if _, err := command(ctx, "go", "test", "-c", "-o", binary, "."); err != nil {
		return err
	}
	var r results
	for pass := range count {
		fmt.Fprintf(os.Stderr, "pass %d of %d\n", pass+1, count)
		out, err := command(ctx, binary, "-test.run=^$", "-test.bench=.", "-test.benchtime="+benchtime.String())
		if err != nil {
			return err
		}
		if err := r.add(out); err != nil {
			return err
		}
	}
	return r.write(w, peers)
}

// command returns what a command prints. Its standard error goes on.
func command(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, bytes.TrimSpace(out))
	}
	return out, nil
}
