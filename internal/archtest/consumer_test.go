package archtest

import (
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// consumer is a package, not a program: there is nothing to link.
const consumer = `package consumer

import guard "%s/middleware/%s"

var Guard = guard.%s
`

// A module that imports one guard, or one charge, gets that framework's modules into its go.sum
// and no other's. The results follow the sources: TestImports, in the same
// run, reads them all.
func TestConsumerGetsOneFramework(t *testing.T) {
	t.Parallel()
	frameworks := []string{"github.com/labstack/echo", "github.com/gin-gonic/gin"}
	never := []string{"github.com/jackc/pgx", "modernc.org/sqlite", "github.com/prometheus/", "github.com/lestrrat-go/"}
	for _, tt := range []struct{ adapter, name, framework string }{
		{"nethttp", "Guard", ""},
		{"echo", "Guard", "github.com/labstack/echo"},
		{"gin", "Guard", "github.com/gin-gonic/gin"},
		{"charge/nethttp", "Charge", ""},
		{"charge/echo", "Charge", "github.com/labstack/echo"},
		{"charge/gin", "Charge", "github.com/gin-gonic/gin"},
	} {
		t.Run(tt.adapter, func(t *testing.T) {
			t.Parallel()
			sum := consume(t, tt.adapter, tt.name)
			if !strings.Contains(sum, "github.com/sony/gobreaker/v2 ") {
				t.Fatalf("go.sum lacks a library of the client:\n%s", sum)
			}
			for _, module := range slices.Concat(frameworks, never) {
				if got, want := strings.Contains(sum, module), module == tt.framework; got != want {
					t.Errorf("%s in go.sum: %v; want %v", module, got, want)
				}
			}
		})
	}
}

// A backend on Path A carries nothing of Path B: neither the client of the
// ledger nor the one that stands in for it, and no framework that it does not
// use.
func TestPathAIsWithoutPathB(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-deps", "./client", "./middleware", "./middleware/nethttp", "./devbypass")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, Module+"/client") {
		t.Fatalf("go list says %q", deps)
	}
	for _, pkg := range deps {
		for _, part := range []string{"credits", "memledger", "devbypass/ledger", "middleware/charge", "labstack/echo", "gin-gonic"} {
			if strings.Contains(pkg, part) {
				t.Errorf("it carries %s", pkg)
			}
		}
	}
}

// S37: the first program of the README is a whole one, and its handler can't run
// without a user.
func TestS37ReadmeSample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	sample := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(page)
	if sample == nil {
		t.Fatal("the README has no program")
	}
	if source := string(sample[1]); strings.Contains(source, "user, _ :=") || !strings.Contains(source, "nethttp.UserFunc(") {
		t.Error("the first handler ignores whether there is a user; want a UserFunc")
	}
	if err := goCommand(tidied(t, map[string]string{"main.go": string(sample[1])}), "GOPROXY=off", "vet", "."); err != nil {
		t.Error(err)
	}
}

// The Go files of the page for a new backend make a backend, and pass the tests
// among them.
func TestNewBackendPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "new-backend.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, block := range regexp.MustCompile("(?s)```go ([a-z_]+\\.go)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		files[block[1]] = block[2]
	}
	for _, name := range []string{"main.go", "routes.go", "routes_test.go"} {
		if files[name] == "" {
			t.Fatalf("the page lacks %s", name)
		}
	}
	if err := goCommand(tidied(t, files), "GOPROXY=off", "test", "-vet=off", "."); err != nil {
		t.Error(err)
	}
}

// consume builds a module that uses a name of one adapter, and returns its
// go.sum.
func consume(t *testing.T, adapter, name string) string {
	t.Helper()
	dir := tidied(t, map[string]string{"guard.go": fmt.Sprintf(consumer, Module, adapter, name)})
	if err := goCommand(dir, "GOPROXY=off", "build", "."); err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	return string(sum)
}

// tidied makes a module of these files in a folder of its own, with this
// checkout in the place of our module, and tidies it.
func tidied(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	// Our own go.sum to start with: tidy drops what is not needed, and no
	// checksum has to be looked up.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	files["go.mod"] = fmt.Sprintf("module consumer\n\ngo 1.26.0\n\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %[2]q\n", Module, root)
	files["go.sum"] = string(sums)
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tidy(t, dir)
	return dir
}

// tidy runs go mod tidy, from the module cache if that is enough. Where neither
// the cache nor the network has what it needs, the test is skipped.
func tidy(t *testing.T, dir string) {
	t.Helper()
	offline := goCommand(dir, "GOPROXY=off", "mod", "tidy")
	if offline == nil {
		return
	}
	if online := goCommand(dir, "", "mod", "tidy"); online != nil {
		t.Skip(errors.Join(errors.New("go mod tidy finds the modules neither in the cache nor by the proxy"), offline, online))
	}
}

// goCommand runs the go command in dir with one more variable, if any.
func goCommand(dir, variable string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if variable != "" {
		cmd.Env = append(cmd.Env, variable)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// An adapter carries out what middleware decides, and has no room for more.
func TestAdaptersAreSmall(t *testing.T) {
	t.Parallel()
	const limit = 60
	for _, adapter := range []string{"nethttp", "echo", "gin", "charge/nethttp", "charge/echo", "charge/gin"} {
		source, err := os.ReadFile(filepath.Join("..", "..", "middleware", adapter, filepath.Base(adapter)+".go"))
		if err != nil {
			t.Fatal(err)
		}
		n := codeLines(source)
		t.Logf("%s: %d lines", adapter, n)
		if n >= limit {
			t.Errorf("%s has %d lines of code; want fewer than %d", adapter, n, limit)
		}
	}
}

func TestCodeLines(t *testing.T) {
	t.Parallel()
	const source = "// Package p is one.\npackage p\n\n/* a\nb */\nvar s = `x\n\ny` // three\n"
	if got := codeLines([]byte(source)); got != 4 {
		t.Errorf("codeLines = %d; want 4", got)
	}
}

// codeLines counts the lines that hold something other than blanks and
// comments.
func codeLines(source []byte) int {
	file := token.NewFileSet().AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0) // mode 0 skips comments
	lines := make(map[int]bool)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && text == "\n" {
			continue // put in by the scanner
		}
		first := file.Line(pos)
		for line := range strings.Count(text, "\n") + 1 {
			lines[first+line] = true
		}
	}
}
