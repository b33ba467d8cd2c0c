package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// licences of the peers, by module.
var licences = map[string]string{
	"github.com/MicahParks/keyfunc/v3":      "Apache-2.0",
	"github.com/appleboy/gin-jwt/v2":        "MIT",
	"github.com/auth0/go-jwt-middleware/v2": "MIT",
	"github.com/coreos/go-oidc/v3":          "Apache-2.0",
	"github.com/go-chi/jwtauth/v5":          "MIT",
	"github.com/go-jose/go-jose/v4":         "Apache-2.0",
	"github.com/golang-jwt/jwt/v5":          "MIT",
	"github.com/labstack/echo-jwt/v4":       "MIT",
	"github.com/lestrrat-go/jwx/v3":         "MIT",
	"github.com/golang-jwt/jwt/v4":          "MIT",
	"github.com/lestrrat-go/jwx/v2":         "MIT",
	"gopkg.in/go-jose/go-jose.v2":           "Apache-2.0",
}

// version is a peer as it was measured.
type version struct {
	Path, Version string
	Time          time.Time // of the release; zero where the module cache does not know it
}

// peerVersions asks the go command what go.mod selects.
func peerVersions(ctx context.Context) ([]version, error) {
	args := []string{"list", "-m", "-json"}
	for path := range licences {
		args = append(args, path)
	}
	out, err := command(ctx, "go", args...)
	if err != nil {
		return nil, err
	}
	var all []version
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var v version
		if err := decoder.Decode(&v); err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b version) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

func versionTable(b *strings.Builder, all []version) {
	b.WriteString("\n| peer | version | released | licence |\n| --- | --- | --- | --- |\n")
	for _, v := range all {
		released := "–"
		if !v.Time.IsZero() {
			released = v.Time.Format(time.DateOnly)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", v.Path, v.Version, released, licences[v.Path])
	}
}
