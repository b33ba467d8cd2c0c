package authserver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// accessTokens signs with the configured issuer and audience and accepts those of
// both generations, because servers of both share keys during an upgrade.
func accessTokens(cfg Config, ring func() *keys.Ring) token.Access {
	issuers := []string{wire.Issuer2025}
	if cfg.HTTP.BaseURL != "" {
		issuers = append(issuers, cfg.HTTP.BaseURL)
	}
	return token.Access{
		Ring: ring, Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience,
		Generation:   wire.Generation(cfg.WireGeneration),
		OtherIssuers: issuers, OtherAudiences: []string{wire.Audience2025, wire.Audience2026},
	}
}

// baseURL reads a URL of the server itself, without the slash at its end.
func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("is not of the form https://host[:port][/path]")
	}
	return strings.TrimRight(s, "/"), nil
}

// generationFinding is what the server does because of its generation.
func generationFinding(cfg Config) Finding {
	generation := wire.Generation(cfg.WireGeneration)
	parts := []string{fmt.Sprintf("generation %s: signs with iss %s and aud %s", generation, cfg.Tokens.Issuer, cfg.Tokens.Audience)}
	for _, d := range wire.Differences {
		parts = append(parts, d.What+": "+d.As(generation))
	}
	return Finding{Part: "wire", Detail: strings.Join(parts, "; ")}
}
