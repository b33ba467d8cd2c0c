// Package archtest holds the table of who may import whom in this module, and
// which packages may know a framework or a database driver. Its test reads the
// source files themselves, so that a cached result never hides a new import.
// CheckField does as much for the tests that docs/field.md names.
package archtest

import (
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the import path of the module.
const Module = "github.com/manacore/manacore-go"

// rule says what the packages at or below a path may import of this module.
// "p/..." stands for p and what is below it, and a package may always import
// what lies in its own internal folder.
type rule struct {
	packages string
	may      []string
}

// rules are searched from the top: the first that fits counts.
var rules = []rule{
	{"internal/wire", nil},
	{"internal/lru", nil},
	{"internal/reqctx", nil},
	{"internal/bubble", nil},
	{"internal/isnil", nil},
	{"internal/recovery", nil},
	{"internal/subnet", nil},
	{"internal/env", nil},
	{"internal/archtest", nil},
	{"internal/pgtest", nil},
	{"internal/wiretest", []string{"internal/wire"}},
	{"internal/guardtest", []string{"client", "middleware", "authtest", "internal/wire"}},
	{"internal/httpcall", nil},
	{"internal/memledger", []string{"internal/wire"}},
	{"internal/ledgertest", nil},
	{"internal/floodtest", []string{"internal/wire"}},
	{"internal/wirerecord", nil},
	{"internal/chargetest", []string{"client", "credits", "middleware", "middleware/charge", "authtest", "internal/wire"}},
	{"client/internal/...", []string{"client/internal/...", "internal/httpcall", "internal/recovery", "internal/wire"}},
	{"client", []string{"internal/env", "internal/httpcall", "internal/lru", "internal/reqctx", "internal/wire"}},
	{"middleware", []string{"client", "internal/isnil", "internal/reqctx", "internal/wire"}},
	{"middleware/charge", []string{"client", "middleware", "credits", "internal/isnil", "internal/recovery", "internal/reqctx", "internal/wire"}},
	{"middleware/charge/nethttp", []string{"middleware/charge", "middleware/nethttp"}},
	{"middleware/charge/echo", []string{"middleware/charge", "middleware/echo"}},
	{"middleware/charge/gin", []string{"middleware/charge", "middleware/gin"}},
	{"middleware/...", []string{"client", "middleware"}},
	{"credits", []string{"client", "internal/env", "internal/httpcall", "internal/recovery", "internal/wire"}},
	{"devbypass/ledger", []string{"client", "devbypass", "credits", "internal/memledger"}},
	{"devbypass", []string{"client", "internal/env", "internal/isnil"}},
	{"authtest", []string{"internal/memledger", "internal/wire"}},
	{"authserver/internal/clock/...", nil},
	{"authserver/internal/background", []string{"authserver/internal/clock", "internal/recovery"}},
	{"authserver/internal/limit", []string{"internal/subnet"}},
	{"authserver/internal/meter", []string{"internal/recovery"}},
	{"authserver/internal/feed", []string{"internal/subnet", "internal/wire"}},
	{"authserver/internal/feedapi", []string{"authserver/internal/clock", "authserver/internal/feed", "authserver/internal/servicekey",
		"authserver/internal/web", "internal/wire"}},
	{"authserver/internal/revocation", []string{"authserver/internal/clock", "authserver/internal/feed", "authserver/internal/meter", "authserver/internal/store",
		"authserver/internal/token", "internal/lru", "internal/wire"}},
	{"authserver/internal/secret", nil},
	{"authserver/internal/durable", nil},
	{"authserver/internal/groupcommit", []string{"internal/recovery"}},
	{"authserver/internal/keys", []string{"authserver/internal/clock", "authserver/internal/durable", "authserver/internal/meter",
		"authserver/internal/secret", "authserver/internal/store", "internal/wire"}},
	{"authserver/internal/token", []string{"authserver/internal/keys", "internal/wire"}},
	{"authserver/internal/form", []string{"internal/wire"}},
	{"authserver/internal/web", []string{"authserver/internal/clock", "authserver/internal/form", "internal/recovery", "internal/wire"}},
	{"authserver/internal/servicekey", []string{"authserver/internal/form", "authserver/internal/store", "authserver/internal/secret"}},
	{"authserver/internal/password", nil},
	{"authserver/internal/ledger", []string{"authserver/internal/groupcommit", "internal/wire"}},
	{"authserver/internal/store/...", []string{"authserver/internal/durable", "authserver/internal/groupcommit", "authserver/internal/ledger",
		"authserver/internal/store/..."}},
	{"authserver/internal/guess", []string{"authserver/internal/store", "internal/subnet"}},
	{"authserver/internal/identity", []string{"authserver/internal/form", "authserver/internal/groupcommit", "authserver/internal/guess", "authserver/internal/password",
		"authserver/internal/secret", "authserver/internal/store", "authserver/internal/token", "internal/wire"}},
	{"authserver/internal/authapi", []string{"authserver/internal/form", "authserver/internal/guess", "authserver/internal/identity", "authserver/internal/keys",
		"authserver/internal/store", "authserver/internal/token", "authserver/internal/web", "internal/wire"}},
	{"authserver/internal/status", []string{"authserver/internal/keys", "authserver/internal/web", "internal/wire"}},
	{"authserver/internal/creditsapi", []string{"authserver/internal/form", "authserver/internal/identity", "authserver/internal/ledger",
		"authserver/internal/servicekey", "authserver/internal/web", "internal/wire"}},
	{"authserver/internal/...", []string{"authserver/internal/...", "internal/wire"}},
	{"authserver", []string{"internal/wire"}},
	{"cmd/authserver", []string{"authserver", "internal/env", "internal/subnet"}},
	{"examples/...", []string{"client", "middleware/...", "credits", "devbypass/...", "authserver", "authtest", "examples/..."}},
}

// confined libraries may be imported, not counting tests, at or below the
// listed packages alone: whoever imports another package does not get them.
var confined = map[string][]string{
	"github.com/labstack/echo":   {"middleware/echo", "middleware/charge/echo", "examples/chat"},
	"github.com/gin-gonic/gin":   {"middleware/gin", "middleware/charge/gin", "examples/picture"},
	"github.com/jackc/pgx":       {"authserver/internal/...", "internal/pgtest"},
	"modernc.org/sqlite":         {"authserver/internal/..."},
	"github.com/lestrrat-go/jwx": {"authserver/...", "authtest"},
	"github.com/prometheus":      {"authserver/internal/meter"},
	"net/http": {"client/...", "middleware/...", "credits", "devbypass/...", "authtest", "internal/...", "examples/...",
		"authserver", "authserver/internal/web", "authserver/internal/authapi", "authserver/internal/creditsapi", "authserver/internal/feedapi", "authserver/internal/status",
		"authserver/internal/meter", "cmd/authserver"},
	"github.com/sony/gobreaker":   {"client/internal/...", "credits", "internal/httpcall"},
	"github.com/alecthomas/kong":  {"cmd/authserver"},
	"testing":                     {"authtest", "internal/bubble", "internal/chargetest", "internal/guardtest", "internal/wiretest", "internal/pgtest", "authserver/internal/store/storetest"},
	"encoding/json":               {"middleware", "credits", "authtest", "examples/..."},
	"github.com/google/go-cmp":    {"internal/chargetest", "internal/guardtest", "internal/wiretest", "authserver/internal/store/storetest"},
	"pgregory.net/rapid":          {},
	"go.uber.org/goleak":          {},
	"net/http/httptest":           {"authtest", "internal/chargetest", "internal/guardtest", "internal/wiretest"},
	"net/http/pprof":              {},
	"unsafe":                      {},
	"github.com/golang-jwt/jwt":   {},
	"github.com/go-jose/go-jose":  {},
	"github.com/stretchr/testify": {},
}

// Check reads every package below root and returns what breaks the rules, one
// line each.
func Check(root string) ([]string, error) {
	var broken []string
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		if name := entry.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || rel == "benchmarks") {
			return fs.SkipDir
		}
		imports, err := importsOf(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		if len(imports) > 0 {
			broken = append(broken, violations(filepath.ToSlash(rel), imports)...)
		}
		return nil
	})
	return broken, err
}

// importsOf lists what the files of a folder import, tests not counted, for
// every platform and build tag.
func importsOf(dir string) ([]string, error) {
	everything := build.Default
	everything.UseAllFiles = true
	pkg, err := everything.ImportDir(dir, 0)
	if _, ok := errors.AsType[*build.NoGoError](err); ok {
		if len(pkg.TestGoFiles)+len(pkg.XTestGoFiles) > 0 {
			return []string{"."}, nil
		}
		return nil, nil
	}
	if _, ok := errors.AsType[*build.MultiplePackageError](err); err != nil && !ok {
		return nil, err
	}
	return append(pkg.Imports, "."), nil
}

func violations(pkg string, imports []string) []string {
	var broken []string
	i := slices.IndexFunc(rules, func(r rule) bool { return covers(r.packages, pkg) })
	if i < 0 {
		return []string{fmt.Sprintf("%s stands in no rule", pkg)}
	}
	for _, imported := range imports {
		if inner, ok := strings.CutPrefix(imported, Module+"/"); ok {
			if !covers(path.Join(pkg, "internal")+"/...", inner) && !anyCovers(rules[i].may, inner) {
				broken = append(broken, fmt.Sprintf("%s imports %s", pkg, inner))
			}
			continue
		}
		for library, packages := range confined {
			if covers(library+"/...", imported) && !anyCovers(packages, pkg) {
				broken = append(broken, fmt.Sprintf("%s imports %s", pkg, imported))
			}
		}
	}
	return broken
}

func anyCovers(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) })
}

func covers(pattern, pkg string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == root || strings.HasPrefix(pkg, root+"/")
	}
	return pattern == pkg
}
