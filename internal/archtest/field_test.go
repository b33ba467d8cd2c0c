package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every id of docs/field.md names a test that exists.
func TestField(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "field.md"))
	if err != nil {
		t.Fatal(err)
	}
	broken, err := CheckField(root, string(page))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
}

func TestCheckFieldFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, source := range map[string]string{
		"client/x_test.go":         "package x\n\nfunc TestS1(t *testing.T) { run(\"S2 a row\") }\n",
		"client/x.go":              "package x\n\nfunc TestS9() {}\n",
		"internal/suite/suite.go":  "package suite\n\nvar rows = []string{`S3 a row of a suite`}\n",
		"client/below/not_test.go": "package below\n\nfunc TestS4(t *testing.T) {}\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page := "| id | test | what was done |\n|--|--|--|\n" +
		"| S1 | `client.TestS1` | x |\n" +
		"| S2 | `client.TestS1/S2 a row` | x |\n" +
		"| S3 | `client.TestS1/S3 a row of a suite`, `client/below.TestS4` | x |\n" +
		"| S4 | `client.TestS4` | x |\n" +
		"| S5 | `client.TestS1/S5 no such row` | x |\n" +
		"| S6 | to be written | x |\n" +
		"| S9 | `client.TestS9` | x |\n" +
		"| S9 | `nowhere.TestS9` | x |\n"
	got, err := CheckField(root, page)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"S4: client has no test TestS4",
		`S5: no string of client or of a suite holds "S5 no such row"`,
		"S6 names no test as `folder.TestName`",
		"S9: client has no test TestS9",
		"S9 stands twice",
		"S9: nowhere has no test TestS9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
