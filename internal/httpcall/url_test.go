package httpcall

import (
	"strings"
	"testing"
)

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://auth.example":              "https://auth.example",
		"HTTPS://Auth.Example:8443/Path///": "https://auth.example:8443/Path",
		"https://auth.example/api":          "https://auth.example/api",
		"http://localhost:3001/":            "http://localhost:3001",
		"http://127.8.9.10":                 "http://127.8.9.10",
		"http://[::1]:3001":                 "http://[::1]:3001",
		"http://Mana-Core-Auth:3001":        "http://mana-core-auth:3001",
		"http://[fd00::7]":                  "http://[fd00::7]",
		"":                                  "", // from here on it is refused
		"auth.example:3001":                 "",
		"//auth.example":                    "",
		"ftp://localhost":                   "",
		"https:auth.example":                "",
		"https://":                          "",
		"https://:443":                      "",
		"https://auth.example:":             "",
		"https://auth.example:0":            "",
		"https://auth.example:65536":        "",
		"https://auth .example":             "",
		"https://auth.example\n":            "",
		"https://auth.example,b.example":    "",
		"https://[fe80::1%25eth0]":          "",
		"https://auth.example/a//b":         "",
		"https://auth.example/a/../b":       "",
		"https://auth.example/a%2fb":        "",
		"https://me:secret@auth.example":    "",
		"https://me:sec/ret@auth.example":   "",
		"https://auth.example?":             "",
		"https://auth.example?key=secret":   "",
		"https://auth.example/#":            "",
		"https://auth.example#secret":       "",
		"https://auth.example/api/v1":       "",
		"https://auth.example/x/api/v1/":    "",
		"https://auth.example/api/v1/auth":  "",
		"http://auth.corp.example:3001":     "",
		"http://10.0.0.7":                   "",
		"http://0.0.0.0:3001":               "",
		"http://localhost.example":          "",
		"http://127.0.0.1.example":          "",
		"http://mana-core-auth.example":     "",
		"http://[::ffff:10.0.0.1]":          "",
		"http://x.localhost":                "",
	} {
		got, err := BaseURL(text, []string{"mana-core-auth", "fd00::7"}, "HOSTS")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"https://Auth.Example/api/auth/jwks":     "https://auth.example/api/auth/jwks",
		"https://auth.example/api/v1/auth/jwks/": "https://auth.example/api/v1/auth/jwks/",
		"https://auth.example/jwks?x":            "",
		"http://auth.example/jwks":               "",
	} {
		if got, err := EndpointURL(text, nil, "HOSTS"); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	_, err := BaseURL("http://auth:3001", []string{"a", "b"}, "HOSTS")
	if err == nil || !strings.Contains(err.Error(), "HOSTS=a,b,auth") || !strings.Contains(err.Error(), `"http://auth:3001"`) {
		t.Errorf("%v does not say what to set", err)
	}
}

func TestCheckHosts(t *testing.T) {
	t.Parallel()
	for host, good := range map[string]bool{
		"mana-core-auth": true, "auth.svc.cluster.local": true, "10.0.0.7": true, "fd00::7": true,
		"": false, "http://auth": false, "auth:3001": false, "auth/": false, "*.local": false, "[fd00::7]": false, "a b": false, `"auth"`: false, "10.0.0.0/8": false,
	} {
		if err := CheckHosts([]string{"localhost", host}); (err == nil) != good {
			t.Errorf("%q: %v", host, err)
		}
	}
}
