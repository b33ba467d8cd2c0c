package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// fieldRow is a row of docs/field.md whose first cell is an id, such as S14.
var fieldRow = regexp.MustCompile(`^\| *([A-Z][0-9]+) *\|([^|]*)\|`)

// fieldTest is how a row names a test: folder.TestName or folder.TestName/row.
var fieldTest = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]*)(?:/([^`]*))?`")

// CheckField reads a page with a table of ids and the tests that stand for
// them. It returns one line for each id that stands twice or names no test, and
// for each named test that root does not hold: the function must be declared in
// a test file of the folder, and the row, if one is named, must be in a string
// of a Go file there or in one of the suites below internal.
func CheckField(root, page string) ([]string, error) {
	var broken []string
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(page, "\n") {
		row := fieldRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		id := row[1]
		if seen[id] {
			broken = append(broken, id+" stands twice")
		}
		seen[id] = true
		tests := fieldTest.FindAllStringSubmatch(row[2], -1)
		if len(tests) == 0 {
			broken = append(broken, id+" names no test as `folder.TestName`")
		}
		for _, test := range tests {
			why, err := missingTest(root, test[1], test[2], test[3])
			if err != nil {
				return nil, err
			}
			if why != "" {
				broken = append(broken, id+": "+why)
			}
		}
	}
	return broken, nil
}

// missingTest says what a folder lacks of a test; "" where it lacks nothing.
func missingTest(root, folder, name, row string) (string, error) {
	own, err := readTests(filepath.Join(root, folder), false)
	if err != nil {
		return "", err
	}
	if !own.functions[name] {
		return fmt.Sprintf("%s has no test %s", folder, name), nil
	}
	if row == "" || own.holds(row) {
		return "", nil
	}
	suites, err := readTests(filepath.Join(root, "internal"), true)
	if err != nil {
		return "", err
	}
	if !suites.holds(row) {
		return fmt.Sprintf("no string of %s or of a suite holds %q", folder, row), nil
	}
	return "", nil
}

// testSource is what Go files declare and say.
type testSource struct {
	functions map[string]bool // of test files
	strings   []string
}

func (s testSource) holds(row string) bool {
	for _, text := range s.strings {
		if strings.Contains(text, row) {
			return true
		}
	}
	return false
}

// readTests reads the Go files of a folder, with those below it if deep. A
// folder that does not exist has none.
func readTests(dir string, deep bool) (testSource, error) {
	source := testSource{functions: make(map[string]bool)}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if path == dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != dir && !deep {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		source.add(file, strings.HasSuffix(path, "_test.go"))
		return nil
	})
	return source, err
}

func (s *testSource) add(file *ast.File, test bool) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			if test && node.Recv == nil {
				s.functions[node.Name.Name] = true
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(node.Value); err == nil && node.Kind == token.STRING {
				s.strings = append(s.strings, text)
			}
		}
		return true
	})
}
