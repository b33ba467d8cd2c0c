package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/security.md names only tests that exist, and no case twice or never.
func TestSecurityIndex(t *testing.T) {
	t.Parallel()
	root := ".."
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+[a-z_]*\\.go) (\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 100 {
		t.Fatalf("%d tests named: the expression no longer fits the page", len(named))
	}
	for _, m := range named {
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[1])))
		if err != nil {
			t.Error(err)
		} else if !regexp.MustCompile(`(?m)^func (\(\w+ \*?\w+\) )?` + m[2] + `[(\[]`).Match(source) {
			t.Errorf("%s has no %s", m[1], m[2])
		}
	}
	cases := map[string]int{}
	for row := range strings.Lines(string(page)) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		for number := range strings.SplitSeq(cell, ", ") {
			cases[number]++
		}
		if strings.HasPrefix(row, "## Requirements") {
			break
		}
	}
	gaps := map[int]bool{8: true, 23: true, 37: true, 49: true, 54: true, 61: true, 63: true, 75: true, 83: true, 88: true, 95: true,
		112: true, 113: true, 131: true, 141: true, 155: true, 158: true, 165: true, 180: true, 185: true, 189: true, 195: true} // numbers the catalogue leaves out
	for n := 1; n <= 196; n++ {
		want := 1
		if gaps[n] {
			want = 0
		}
		if got := cases[fmt.Sprint(n)]; got != want {
			t.Errorf("case %d stands in %d rows, want %d", n, got, want)
		}
	}
}
