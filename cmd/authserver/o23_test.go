package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestO23ListingHoldsAPage: rows are printed page by page, and columns stay where
// they are.
func TestO23ListingHoldsAPage(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		l := newListing(&out, asJSON, "NUMBER", "TEXT")
		most := 0
		for range 5000 {
			before := out.Len()
			if err := l.add(map[string]string{"text": "some text"}, "1", "some text"); err != nil {
				t.Fatal(err)
			}
			most = max(most, out.Len()-before)
		}
		if most == 0 || out.Len() < most*3 {
			t.Errorf("JSON %v: %d bytes after 5000 rows, at most %d at once", asJSON, out.Len(), most)
		}
		if err := l.end(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestO23Progress: a long command says how far it is every two seconds, and a
// short one nothing.
func TestO23Progress(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	now := time.Unix(1000, 0)
	p := &progress{out: &out, now: func() time.Time { return now }}
	for _, step := range []struct {
		after time.Duration
		at    authserver.Progress
		want  string
	}{
		{0, authserver.Progress{Part: "users", Done: 1000, Unit: "users"}, ""},
		{time.Second, authserver.Progress{Part: "users", Done: 2000, Unit: "users"}, ""},
		{time.Second, authserver.Progress{Part: "users", Done: 3000, Unit: "users"}, "users: 3000 users in 2s\n"},
		{time.Second, authserver.Progress{Part: "users", Done: 4000, Unit: "users"}, ""},
		{time.Hour, authserver.Progress{Part: "backup", Done: 0, Total: 500, Unit: "pages"}, ""},
		{2 * time.Second, authserver.Progress{Part: "backup", Done: 150, Total: 500, Unit: "pages"}, "backup: 150 of 500 pages, 30 %, in 2s\n"},
		{time.Second, authserver.Progress{Part: "copy", Total: 500, Unit: "pages"}, ""},
		{3 * time.Second, authserver.Progress{Part: "copy", Total: 500, Unit: "pages"}, "copy: at work on 500 pages for 3s\n"},
	} {
		out.Reset()
		now = now.Add(step.after)
		if p.tell(step.at); out.String() != step.want {
			t.Errorf("%+v: says %q, want %q", step.at, out.String(), step.want)
		}
	}
}

// writes keeps each piece that was written.
type writes struct{ list []string }

func (w *writes) Write(p []byte) (int, error) {
	w.list = append(w.list, string(p))
	return len(p), nil
}

// TestO23CheckSaysEachFindingAtOnce: each line of check is written when it is
// known, and not with the last.
func TestO23CheckSaysEachFindingAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	execute(t, dir, "", nil, "migrate").is(0)
	for _, arguments := range []string{"check", "check --json"} {
		var out, errs writes
		p := &program{ctx: t.Context(), out: &out, errs: &errs, settings: func() (settings, error) {
			return fromEnv(func(name string) string {
				return map[string]string{"SQLITE_PATH": filepath.Join(dir, "manacore.db")}[name]
			})
		}}
		command, err := parse(p, strings.Fields(arguments))
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Run(p); err != nil {
			t.Fatal(err)
		}
		for _, line := range out.list {
			if strings.Count(line, "\n") != 1 {
				t.Errorf("%s writes %q at once", arguments, line)
			}
		}
		if len(out.list) != 6 || len(errs.list) != 0 {
			t.Errorf("%s: %q, and on standard error %q", arguments, out.list, errs.list)
		}
	}
}

// TestO23Lists: listings have bounds and filters, and a user can be shown.
func TestO23Lists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true").started()
	operate := func(arguments string) result {
		t.Helper()
		return execute(t, dir, "", nil, strings.Fields(arguments)...)
	}
	for _, name := range []string{"ann", "bob", "eve"} {
		var registered wire.RegisterResponse
		var tokens wire.TokenResponse
		p.call(wire.RegisterPath, `{"email":"`+name+`@example.com","password":"correct horse","name":"Name"}`, http.StatusCreated, &registered)
		p.call(wire.LoginPath, `{"email":"`+name+`@example.com","password":"correct horse"}`, http.StatusOK, &tokens)
	}
	operate("users disable eve@example.com").is(0)
	operate("users set-role bob@example.com admin").is(0)
	for arguments, want := range map[string][]string{
		"":                                {"ann", "bob", "eve"},
		"--state=active":                  {"ann", "bob"},
		"--role=admin":                    {"bob"},
		"--email=ANN@":                    {"ann"},
		"--email=example --state=deleted": nil,
		"--email=nobody":                  nil,
	} {
		users := lines[userLine](operate("users list --json " + arguments).is(0))
		var got []string
		for _, u := range users {
			got = append(got, strings.TrimSuffix(u.Email, "@example.com"))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("users list %s: %q, want %q", arguments, got, want)
		}
	}
	if n := len(lines[userLine](operate("users list --json --limit=2").is(0))); n != 2 {
		t.Errorf("%d users of at most 2", n)
	}
	operate("users list --role=root").is(exitFailed, "has to be one of user, admin, service")
	operate("users list --state=gone").is(exitFailed, "has to be one of active, disabled, deleted")
	operate("users list --limit=-1").is(exitUsage, "at least 1")
	operate("sessions list ann@example.com --limit=0").is(exitUsage, "at least 1")

	operate("users show eve@example.com").is(0, "eve@example.com", "disabled", "LIVE SESSIONS", "account_disabled", "login_success", "register")
	type shown struct {
		userLine       `json:",inline"`
		State          string      `json:"state"`
		Sessions       int         `json:"sessions"`
		LastActivityAt time.Time   `json:"lastActivityAt"`
		Events         []eventLine `json:"events"`
	}
	ann := lines[shown](operate("users show ann@example.com --json").is(0))
	if len(ann) != 1 || ann[0].Email != "ann@example.com" || ann[0].State != "active" || ann[0].Sessions != 2 || ann[0].LastActivityAt.IsZero() ||
		len(ann[0].Events) != 2 || ann[0].Events[0].Type != "login_success" {
		t.Errorf("ann: %+v", ann)
	}
	operate("users show nobody").is(exitFailed, "no such user", "users list")
	operate("sessions list ann@example.com --limit=1").is(0, "those 1 with the latest activity")

	for _, app := range []string{"chat", "chat", "shop"} {
		operate("service-keys create " + app).is(0)
	}
	if keys := lines[serviceKeyLine](operate("service-keys list --app=chat --limit=1 --json").is(0)); len(keys) != 1 || keys[0].AppID != "chat" {
		t.Errorf("keys %+v", keys)
	}
	if keys := lines[serviceKeyLine](operate("service-keys list --app=chat --json").is(0)); len(keys) != 2 {
		t.Errorf("keys %+v", keys)
	}
}
