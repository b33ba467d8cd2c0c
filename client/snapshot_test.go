package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
)

// S25: a snapshot that is not used says so, once, with the reason; the key set is
// fetched all the same.
func TestS25SnapshotThatIsNotUsed(t *testing.T) {
	t.Parallel()
	const stamp = "2006-01-02T15:04:05Z"
	for _, tc := range []struct {
		name  string
		at    time.Time // when the file says that it was written
		url   string    // of the key set in the file; "": the right one
		fresh int
		mode  os.FileMode
		want  string // "": it is used, and nothing is said
	}{
		{"S25 good", epoch.Add(-time.Hour), "", 300, 0o600, ""},
		{"S25 of a group", epoch.Add(-time.Hour), "", 300, 0o660, ""},
		{"S25 too old", epoch.Add(-2 * time.Hour), "", 300, 0o600, "older than its max-age and Keys.MaxStale"},
		{"S25 clock behind", epoch.Add(time.Minute), "", 300, 0o600, "a clock is wrong"},
		{"S25 other URL", epoch, "http://localhost:1/api/v1/auth/jwks", 300, 0o600, "http://localhost:1/api/v1/auth/jwks"},
		{"S25 world-writable", epoch, "", 300, 0o602, "must have mode 0600"},
		{"S25 no freshness", epoch, "", -1, 0o600, "not the JSON of a key set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.mode != 0o600 && runtime.GOOS == "windows" {
				t.Skip("there are no such modes")
			}
			file := filepath.Join(t.TempDir(), "jwks.json")
			var log bytes.Buffer
			r := newRig(t, func(c *client.Config) {
				c.Issuers[0].Snapshot = file
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			kid := r.Kids()[0]
			if tc.url == "" {
				tc.url = r.URL() + "/api/v1/auth/jwks"
			}
			text := fmt.Sprintf(`{"url":%q,"fetchedAt":%q,"freshSeconds":%d,"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}]}}`,
				tc.url, tc.at.Format(stamp), tc.fresh, kid, b64.EncodeToString(r.PublicKey(kid)))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tc.mode); err != nil { // what the umask took away
				t.Fatal(err)
			}
			r.wantOK(r.Token())
			r.wantOK(r.Token(authtest.Subject("other")))
			r.auth.Close()
			got := log.String()
			if tc.want == "" && got != "" || tc.want != "" && (strings.Count(got, "\n") != 1 || !strings.Contains(got, tc.want) || !strings.Contains(got, "file="+file)) {
				t.Errorf("the log says %q, want one line with %q and the file", got, tc.want)
			}
		})
	}
}

// S25: two issuers with one file.
func TestS25SnapshotOfTwoIssuers(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	file := filepath.Join(t.TempDir(), "jwks.json")
	auth, err := client.New(client.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Issuers: []client.Issuer{
			{URL: "https://a.example", Names: []string{"a"}, Snapshot: file},
			{URL: "https://b.example", Names: []string{"b"}, Snapshot: file},
			{URL: "https://c.example", Names: []string{"c"}},
			{URL: "https://d.example", Names: []string{"d"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "Snapshot is the same file for two issuers") || !strings.Contains(got, file) {
		t.Errorf("the log says %q", got)
	}
}

// S21: a Ready that ends for its context says why there is no key set, and where
// it was looked for.
func TestS21ReadySaysWhy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		edit func(*client.Config)
		want []string
	}{
		{"S21 another path", func(c *client.Config) { c.Issuers[0].URL += "/nope" }, []string{"status 404", "(MANA_AUTH_URL)", "/nope"}},
		{"S21 another key set", func(c *client.Config) { c.Issuers[0].JWKSURL = c.Issuers[0].URL + "/keys" }, []string{"status 404", "(JWKS_URL)", "/keys"}},
		{"S21 nobody there", func(c *client.Config) { c.Issuers[0].URL = "http://127.0.0.1:1" }, []string{"refused", "http://127.0.0.1:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			failed := make(chan struct{}, 1)
			r := newRig(t, func(c *client.Config) {
				tc.edit(c)
				c.Trace = &client.Trace{KeyFetch: func(client.KeyFetchInfo) { failed <- struct{}{} }}
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			go func() {
				<-failed
				r.settle()
				cancel(context.DeadlineExceeded)
			}()
			err := r.auth.Ready(ctx)
			if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
	remote := newRig(t, func(c *client.Config) { c.Mode = client.ModeRemote; c.Issuers[0].URL += "/nope" })
	if err := remote.auth.Ready(t.Context()); !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "status 404") || !strings.Contains(err.Error(), "(MANA_AUTH_URL)") {
		t.Errorf("S21 in remote mode: %v", err)
	}
}

// S39: what clients that nobody closes keep is documented; Close ends all of it,
// or the bubble would find a goroutine that nobody wakes.
func TestS39CloseEndsEverything(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		issuer := authtest.NewIssuer(t, authtest.WithoutSockets())
		for n := range 20 {
			mode := []client.Mode{client.ModeLocal, client.ModeRemote}[n%2]
			auth, err := client.New(client.Config{
				Mode: mode, FallbackLocal: mode == client.ModeRemote, Logger: slog.New(slog.DiscardHandler),
				Issuers: []client.Issuer{{URL: issuer.URL()}}, HTTPClient: issuer.HTTPClient(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := auth.Verify(t.Context(), issuer.Token()); err != nil {
				t.Fatal(err)
			}
			auth.Close()
		}
	})
}
