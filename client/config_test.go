package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

func TestConfigFromEnv(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		want client.Config
		err  []string // all of them in the error; none: there is no error
	}{
		"nothing": {nil, client.Config{Issuers: []client.Issuer{{}}}, nil},
		"everything": {
			map[string]string{
				"MANA_CORE_AUTH_URL": "https://auth.example", "MANA_AUTH_MODE": "remote", "MANA_AUTH_FALLBACK": "local",
				"JWT_ISSUER": "manacore, https://auth.example,", "JWT_AUDIENCE": " manacore ",
			},
			client.Config{
				Mode: client.ModeRemote, FallbackLocal: true,
				Issuers: []client.Issuer{{
					URL: "https://auth.example", Names: []string{"manacore", "https://auth.example"}, Audiences: []string{"manacore"},
				}},
			}, nil,
		},
		"line feeds of mounted secrets": {
			map[string]string{"MANA_CORE_AUTH_URL": "https://auth.example\n", "MANA_AUTH_MODE": "remote\r\n"},
			client.Config{Mode: client.ModeRemote, Issuers: []client.Issuer{{URL: "https://auth.example"}}}, nil,
		},
		"the newer name": {
			map[string]string{"MANA_AUTH_URL": "https://auth.example"},
			client.Config{Issuers: []client.Issuer{{URL: "https://auth.example"}}}, nil,
		},
		"a key set elsewhere": {
			map[string]string{"MANA_AUTH_URL": "https://auth.example", "JWKS_URL": "https://auth.example/api/auth/jwks"},
			client.Config{Issuers: []client.Issuer{{URL: "https://auth.example", JWKSURL: "https://auth.example/api/auth/jwks"}}}, nil,
		},
		"both names alike": {
			map[string]string{"MANA_AUTH_URL": "https://auth.example", "MANA_CORE_AUTH_URL": "https://auth.example\n"},
			client.Config{Issuers: []client.Issuer{{URL: "https://auth.example"}}}, nil,
		},
		"both names in conflict": {
			map[string]string{"MANA_AUTH_URL": "https://auth.example", "MANA_CORE_AUTH_URL": "https://old.example"},
			client.Config{}, []string{"MANA_AUTH_URL", "https://auth.example", "MANA_CORE_AUTH_URL", "https://old.example"},
		},
		"no fallback unless asked": {
			map[string]string{"MANA_AUTH_MODE": "remote", "MANA_AUTH_FALLBACK": ""},
			client.Config{Mode: client.ModeRemote, Issuers: []client.Issuer{{}}}, nil,
		},
		"the fallback is remote mode's": {
			map[string]string{"MANA_AUTH_MODE": "local", "MANA_AUTH_FALLBACK": "local"},
			client.Config{Mode: client.ModeLocal, FallbackLocal: true, Issuers: []client.Issuer{{}}}, nil,
		},
		"S26 the fallback is off": {
			map[string]string{"MANA_AUTH_MODE": "remote", "MANA_AUTH_FALLBACK": "off"},
			client.Config{Mode: client.ModeRemote, Issuers: []client.Issuer{{}}}, nil,
		},
		"S26 quotes":              {map[string]string{"JWT_ISSUER": `"manacore"`}, client.Config{}, []string{"JWT_ISSUER", "quotes"}},
		"S26 quotes in a list":    {map[string]string{"JWT_AUDIENCE": `a,'b',c`}, client.Config{}, []string{"JWT_AUDIENCE", "'b'", "quotes"}},
		"S13 unset in production": {map[string]string{"NODE_ENV": "production"}, client.Config{}, []string{"MANA_AUTH_URL", "production"}},
		"unknown mode":            {map[string]string{"MANA_AUTH_MODE": "Remote"}, client.Config{}, []string{"MANA_AUTH_MODE"}},
		"unknown fallback":        {map[string]string{"MANA_AUTH_FALLBACK": "true"}, client.Config{}, []string{"MANA_AUTH_FALLBACK"}},
		"everything is wrong": {
			map[string]string{"MANA_AUTH_FALLBACK": "true", "MANA_AUTH_MODE": "both", "JWT_ISSUER": "'manacore'"},
			client.Config{}, []string{"MANA_AUTH_FALLBACK", "MANA_AUTH_MODE", "JWT_ISSUER"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			setEnv(t, tc.env)
			got, err := client.ConfigFromEnv()
			if (err != nil) != (tc.err != nil) {
				t.Fatalf("got error %v, want %q", err, tc.err)
			}
			for _, part := range tc.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got error %v, want %q in it", err, part)
				}
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			auth, err := client.FromEnv()
			if (err == nil) != (tc.err == nil) {
				t.Fatalf("FromEnv: %v", err)
			}
			if auth != nil {
				auth.Close()
			}
		})
	}
}

// setEnv sets the variables of FromEnv, those that are not named to nothing.
func setEnv(t *testing.T, variables map[string]string) {
	for _, name := range []string{
		"NODE_ENV", "MANA_AUTH_URL", "MANA_CORE_AUTH_URL", "MANA_AUTH_MODE", "MANA_AUTH_FALLBACK", "JWT_ISSUER", "JWT_AUDIENCE",
		"JWKS_URL", "MANA_AUTH_PLAINTEXT_HOSTS", "MANA_CREDITS_PLAINTEXT_HOSTS",
	} {
		t.Setenv(name, variables[name])
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]client.Config{
		`Mode is "both"`:          {Mode: "both"},
		"Timeout is negative":     {Timeout: -1},
		"Keys.Cooldown":           {Keys: client.KeyConfig{Cooldown: -1}},
		"Keys.MaxStale is over":   {Keys: client.KeyConfig{MaxStale: 1 << 62}},
		"a user or password":      {Issuers: []client.Issuer{{URL: "https://me:secret@auth.example"}}},
		"Cache.TTL":               {Cache: client.CacheConfig{TTL: -1}},
		"Breaker.OpenFor":         {Breaker: client.BreakerConfig{OpenFor: -1}},
		"Tokens.Leeway":           {Tokens: client.TokenConfig{Leeway: time.Hour}},
		"Tokens.MaxLifetime":      {Tokens: client.TokenConfig{MaxLifetime: -1}},
		"Tokens.MaxBytes":         {Tokens: client.TokenConfig{MaxBytes: -1}},
		`"jti", which is not`:     {Tokens: client.TokenConfig{Required: []string{"jti"}}},
		"issuer name is empty":    {Issuers: []client.Issuer{{Names: []string{""}}}},
		"an audience is empty":    {Issuers: []client.Issuer{{Audiences: []string{""}}}},
		`"manacore" stands twice`: {Issuers: []client.Issuer{{URL: "https://a"}, {URL: "https://b"}}},
		"must be https://":        {Issuers: []client.Issuer{{URL: "auth.example:3001"}}},
		"JWKS_URL":                {Issuers: []client.Issuer{{JWKSURL: "http://elsewhere/jwks"}}},
		"PlaintextHosts":          {PlaintextHosts: []string{"http://auth"}},
	} {
		auth, err := client.New(config)
		if err == nil || !strings.Contains(err.Error(), want) || auth != nil {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := client.New(client.Config{Issuers: []client.Issuer{{URL: "ftp://me:secret@auth.example"}}})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
	// All of it at once.
	_, err = client.New(client.Config{Mode: "both", Timeout: -1})
	if err == nil || !strings.Contains(err.Error(), "Mode") || !strings.Contains(err.Error(), "Timeout") {
		t.Errorf("got %v, want both faults", err)
	}
}

// The default names are those of both generations of auth servers; what is set
// takes their place.
func TestDefaultNames(t *testing.T) {
	t.Parallel()
	for _, slash := range []string{"", "/"} {
		r := newRig(t, func(c *client.Config) { c.Issuers[0].URL += slash })
		for iss, good := range map[string]bool{
			"manacore": true, r.URL(): true, r.URL() + "/": true,
			r.URL() + "//": false, r.URL() + "/api/v1": false, strings.ToUpper(r.URL()): false, "mana": false, "https://other.example": false,
		} {
			for aud, known := range map[string]bool{"manacore": true, "mana": true, "other": false, r.URL(): false} {
				err := r.verify(r.Token(authtest.IssuerName(iss), authtest.Audience(aud)))
				if good && known && err != nil || !(good && known) && !errors.Is(err, client.ErrClaims) {
					t.Errorf("iss %q, aud %q: %v", iss, aud, err)
				}
			}
		}
	}
	r := newRig(t, func(c *client.Config) {
		c.Issuers[0].Names, c.Issuers[0].Audiences = []string{"https://a"}, []string{"b"}
	})
	r.wantOK(r.Token(authtest.IssuerName("https://a"), authtest.Audience("b")))
	r.want(r.Token(authtest.Audience("b")), client.ErrClaims)
	r.want(r.Token(authtest.IssuerName(r.URL()), authtest.Audience("b")), client.ErrClaims)
	r.want(r.Token(authtest.IssuerName("https://a")), client.ErrClaims)
	r.want(r.Token(authtest.IssuerName("https://a"), authtest.Audience("mana")), client.ErrClaims)
}

func TestKeySetElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := authtest.NewIssuer(t)
	var asked atomic.Value
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Store(req.URL.Path)
		req.URL.Path = "/api/v1/auth/jwks"
		elsewhere.ServeHTTP(w, req)
	}))
	t.Cleanup(relay.Close)
	r := newRig(t, func(c *client.Config) { c.Issuers[0].JWKSURL, c.Clock = relay.URL+"/keys/", nil })
	r.wantOK(elsewhere.Token())
	if asked.Load() != "/keys/" || r.JWKSRequests() != 0 {
		t.Errorf("asked at %v, and %d times at the auth server", asked.Load(), r.JWKSRequests())
	}
}

// S26: a setting that has no effect says so.
func TestS26NoEffect(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*client.Config){
		"MANA_AUTH_FALLBACK": func(c *client.Config) { c.FallbackLocal = true },
		"JWKS_URL":           func(c *client.Config) { c.Mode, c.Issuers[0].JWKSURL = client.ModeRemote, "https://keys.example/jwks" },
		"": func(c *client.Config) {
			c.Mode, c.FallbackLocal, c.Issuers[0].JWKSURL = client.ModeRemote, true, "https://keys.example/jwks"
		},
	} {
		var log bytes.Buffer
		config := client.Config{Issuers: []client.Issuer{{}}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		edit(&config)
		auth, err := client.New(config)
		if err != nil {
			t.Fatal(err)
		}
		auth.Close()
		if (log.Len() > 0) != (want != "") || !strings.Contains(log.String(), want) {
			t.Errorf("the log says %q, want %s", log.String(), want)
		}
	}
}

// S6: a URL to which nothing can be appended is an error that names the
// variable and the value.
func TestS6URLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://a.example?", "https://a.example/#", "https://a.example/api/v1", "https://a.example/api/v1/",
		"https://a.example/x/../y", "https://a.example:0", "https://a.example:", "https://a.example//x",
	} {
		_, err := client.New(client.Config{Issuers: []client.Issuer{{URL: url}}})
		if err == nil || !strings.Contains(err.Error(), "MANA_AUTH_URL") || !strings.Contains(err.Error(), strconv.Quote(url)) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// S13: keys and verdicts come over https, from this machine, or from a host that
// is named; the error prints the line to set.
func TestS13PlainHTTP(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		want string // in the error; "": there is none
	}{
		"https":                {map[string]string{"MANA_AUTH_URL": "https://auth.corp.example"}, ""},
		"this machine":         {map[string]string{"MANA_AUTH_URL": "http://127.0.0.1:3001"}, ""},
		"another machine":      {map[string]string{"MANA_CORE_AUTH_URL": "http://auth.corp.example:3001"}, "MANA_AUTH_PLAINTEXT_HOSTS=auth.corp.example"},
		"another one is named": {map[string]string{"MANA_AUTH_URL": "http://auth:3001", "MANA_AUTH_PLAINTEXT_HOSTS": "ledger"}, "MANA_AUTH_PLAINTEXT_HOSTS=ledger,auth"},
		"named":                {map[string]string{"MANA_AUTH_URL": "http://mana-core-auth:3001", "MANA_AUTH_PLAINTEXT_HOSTS": "mana-core-auth"}, ""},
		"named for credits":    {map[string]string{"MANA_AUTH_URL": "http://mana-core-auth:3001", "MANA_CREDITS_PLAINTEXT_HOSTS": "mana-core-auth\n"}, ""},
		"named with a port":    {map[string]string{"MANA_AUTH_URL": "http://auth:3001", "MANA_AUTH_PLAINTEXT_HOSTS": "auth:3001"}, "MANA_AUTH_PLAINTEXT_HOSTS"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []string{"local", "remote"} {
				setEnv(t, tc.env)
				t.Setenv("MANA_AUTH_MODE", mode)
				auth, err := client.FromEnv()
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want %q", mode, err, tc.want)
				}
				if auth != nil {
					auth.Close()
				}
			}
		})
	}
}

// S13: a proxy sees neither the key set nor a token that goes over plain http.
func TestS13ProxyIsPassedBy(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		attacker := authtest.NewIssuer(t) // would publish keys of its own
		proxy, err := url.Parse(attacker.URL())
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, nil)
		server := strings.TrimPrefix(r.URL(), "http://")
		r.auth = r.newClient(func(c *client.Config) {
			c.Mode = mode
			c.Issuers[0].URL = "http://auth.corp.example:3001"
			c.PlaintextHosts = []string{"auth.corp.example"}
			c.HTTPClient = &http.Client{Transport: &http.Transport{
				Proxy: http.ProxyURL(proxy),
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					if address == "auth.corp.example:3001" {
						address = server
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				},
			}}
		})
		r.wantOK(r.Token())
		r.want(attacker.Token(), client.ErrUnauthenticated)
		if n := attacker.JWKSRequests() + attacker.ValidateRequests(); n != 0 {
			t.Errorf("%s: %d requests went through the proxy", mode, n)
		}
	}
}

// A program that has wrapped http.DefaultTransport, for tracing for instance,
// gets a working client.
func TestWrappedDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	var calls atomic.Int64
	own := before.(*http.Transport).Clone()
	defer own.CloseIdleConnections()
	http.DefaultTransport = transport(func(r *http.Request) (*http.Response, error) {
		calls.Add(1)
		return own.RoundTrip(r)
	})
	r := newRig(t, nil)
	r.wantOK(r.Token())
	if calls.Load() != 1 {
		t.Errorf("%d calls through the program's transport, want 1", calls.Load())
	}
}

func TestURLWithTrailingSlashAndPath(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Issuers[0].URL += "///" })
	r.wantOK(r.Token())
}

func TestRequiredClaims(t *testing.T) {
	t.Parallel()
	all := []string{"email", "role", "sid", "iat", "nbf"}
	r := newRig(t, func(c *client.Config) { c.Tokens.Required = all })
	full := []authtest.Claim{authtest.NotBefore(epoch)}
	r.wantOK(r.Token(full...))
	for _, name := range all {
		r.want(r.Token(append(full, authtest.Without(name))...), client.ErrClaims)
	}
	none := newRig(t, func(c *client.Config) { c.Tokens.Required = []string{} })
	none.wantOK(none.Token(authtest.Without(all...)))
}

func TestTokenLimitsAreConfigurable(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) {
		c.Tokens = client.TokenConfig{Leeway: -1, MaxLifetime: time.Minute, MaxBytes: 600, Types: []string{"mana+jwt"}}
		c.Cache.Size = -1
	})
	minute := authtest.ExpiresIn(time.Minute)
	typ := authtest.Header("typ", "mana+jwt")
	r.wantOK(r.Token(minute, typ))
	r.wantOK(r.Token(minute, typ, authtest.WithoutHeader("typ")))
	r.want(r.Token(minute, authtest.Header("typ", "JWT")), client.ErrMalformed)
	r.want(r.Token(typ, authtest.ExpiresIn(time.Minute+time.Second)), client.ErrClaims)
	r.want(r.Token(minute, typ, authtest.Set("x", strings.Repeat("x", 300))), client.ErrMalformed)
	last := r.Token(minute, typ)
	r.clock.Advance(time.Minute - time.Nanosecond)
	r.wantOK(last)
	r.clock.Advance(time.Nanosecond)
	r.want(last, client.ErrExpired)
}

func TestClose(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		r := newRig(t, func(c *client.Config) { c.Mode = mode })
		for range 2 {
			if err := r.auth.Close(); err != nil {
				t.Error(err)
			}
		}
		r.want(r.Token(), client.ErrUnavailable)
		if err := r.auth.Ready(t.Context()); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: Ready after Close gave %v", mode, err)
		}
		if n := r.JWKSRequests() + r.ValidateRequests(); n != 0 {
			t.Errorf("%s: %d requests after Close", mode, n)
		}
	}
}

// Close does not wait for an auth server that does not answer.
func TestCloseEndsWhatIsRunning(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		r := newRig(t, func(c *client.Config) { c.Mode, c.Timeout = mode, time.Hour })
		r.Hang()
		result := make(chan error, 1)
		go func() { result <- r.verify(r.Token()) }()
		for r.JWKSRequests()+r.ValidateRequests() == 0 {
			if t.Context().Err() != nil {
				t.Fatal("no request came")
			}
		}
		r.auth.Close()
		if err := <-result; !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: got %v", mode, err)
		}
	}
}
