package form

import "testing"

// TestO18Origins: an origin is spelled as browsers spell it, or refused.
func TestO18Origins(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://app.example.com":         "https://app.example.com",
		"https://App.Example.COM":         "https://app.example.com",
		"HTTPS://app.example.com":         "https://app.example.com",
		"https://app.example.com/":        "https://app.example.com",
		"https://app.example.com:443":     "https://app.example.com",
		"https://app.example.com:0443":    "https://app.example.com",
		"http://app.example.com:80":       "http://app.example.com",
		"http://app.example.com:443":      "http://app.example.com:443",
		"https://app.example.com:8443":    "https://app.example.com:8443",
		"http://localhost:5173":           "http://localhost:5173",
		"http://my_host:5173":             "http://my_host:5173",
		"https://Müller.example":          "https://xn--mller-kva.example",
		"https://mu\u0308ller.example":    "https://xn--mller-kva.example",
		"https://xn--mller-kva.example":   "https://xn--mller-kva.example",
		"https://straße.example":          "https://xn--strae-oqa.example",
		"http://127.0.0.1:3000":           "http://127.0.0.1:3000",
		"http://[::1]:3000":               "http://[::1]:3000",
		"http://[2001:DB8:0:0:0:0:0:1]":   "http://[2001:db8::1]",
		"capacitor://localhost":           "capacitor://localhost",
		"exp://192.168.0.7:8081":          "exp://192.168.0.7:8081",
		"chrome-extension://abcdefghijkl": "chrome-extension://abcdefghijkl",
		"https://r3---sn-apo3.example":    "https://r3---sn-apo3.example",

		"": "", "*": "", "null": "", "https://*": "", "https://*.example.com": "", "app.example.com": "", "//app.example.com": "", "https://": "",
		"https://app.example.com/path": "", "https://app.example.com//": "", "https://app.example.com?q": "", "https://app.example.com?": "",
		"https://app.example.com#f": "", "https://user@app.example.com": "", "https://app.example.com:": "", "https://app.example.com:0": "",
		"https://app.example.com:99999": "", "https://app.example.com:x": "", "https://app example.com": "", "https://[fe80::1%25eth0]": "",
		"https://127.1": "", "https://0x7f.0.0.1": "", "https://1.2.3.4.5": "", "https://xn--a": "", "https://a..b": "", "https:app.example.com": "",
		"https://app.example.com,https://b.example.com": "",
	} {
		got, err := Origin(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if again, err := Origin(got); want != "" && (again != got || err != nil) {
			t.Errorf("%q is %q at first and then %q, %v", in, got, again, err)
		}
	}
}
