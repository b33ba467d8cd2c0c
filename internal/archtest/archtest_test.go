package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImports(t *testing.T) {
	t.Parallel()
	broken, err := Check(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
}

func TestCheckFindsWhatIsForbidden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		folder, source string
		want           []string
	}{
		"the server in the client": {
			"client", `import _ "` + Module + `/authserver"`,
			[]string{"client imports authserver"},
		},
		"the client in authtest": {
			"authtest", `import _ "` + Module + `/client"`,
			[]string{"authtest imports client"},
		},
		"another package's internals": {
			"middleware", `import _ "` + Module + `/client/internal/token"`,
			[]string{"middleware imports client/internal/token"},
		},
		"its own internals": {
			"client", `import _ "` + Module + `/client/internal/token"`, nil,
		},
		"a framework in the core": {
			"middleware", `import _ "github.com/labstack/echo/v4"`,
			[]string{"middleware imports github.com/labstack/echo/v4"},
		},
		"behind a build tag": {
			"client", "//go:build never\n\npackage x\nimport _ \"modernc.org/sqlite\"",
			[]string{"client imports modernc.org/sqlite"},
		},
		"the database in the credit routes": {
			"authserver/internal/creditsapi", `import _ "` + Module + `/authserver/internal/store/postgres"`,
			[]string{"authserver/internal/creditsapi imports authserver/internal/store/postgres"},
		},
		"the web in the rules of service keys": {
			"authserver/internal/servicekey", `import _ "` + Module + `/authserver/internal/web"`,
			[]string{"authserver/internal/servicekey imports authserver/internal/web"},
		},
		"HTTP in the rules of users": {
			"authserver/internal/identity", `import _ "net/http"`,
			[]string{"authserver/internal/identity imports net/http"},
		},
		"the rules of users in the store": {
			"authserver/internal/store", `import _ "` + Module + `/authserver/internal/identity"`,
			[]string{"authserver/internal/store imports authserver/internal/identity"},
		},
		"the database in the routes of accounts": {
			"authserver/internal/authapi", `import _ "` + Module + `/authserver/internal/store/postgres"`,
			[]string{"authserver/internal/authapi imports authserver/internal/store/postgres"},
		},
		"a folder without a rule": {
			"helpers", `import _ "fmt"`, []string{"helpers stands in no rule"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			dir := filepath.Join(root, tc.folder)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			source := tc.source
			if source[0] == 'i' {
				source = "package x\n" + source
			}
			if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Check(root)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
