package authserver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestBadInput: whatever is sent, the answer is an envelope and nothing is
// stored.
func TestBadInput(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	const (
		notJSON  = "Request body is not a valid JSON object"
		tooLarge = "request entity too large"
	)
	noPassword := []string{
		"password must be a string",
		"password must be longer than or equal to 8 characters",
		"password must be shorter than or equal to 128 characters",
	}
	noName := []string{
		"name must be a string", "Name must be at least 2 characters", "name must be shorter than or equal to 255 characters",
	}
	noEmail := []string{"email must be an email"}
	all := append(append(append([]string(nil), noEmail...), noPassword...), noName...)
	const good = `"email":"bob@example.com","password":"correct horse","name":"Bob"`

	type row struct {
		name, path, body string
		code             wire.Code
		message          any
	}
	rows := []row{
		{"nothing", wire.RegisterPath, ``, wire.ValidationFailed, all},
		{"empty object", wire.RegisterPath, `{}`, wire.ValidationFailed, all},
		{"numbers", wire.RegisterPath, `{"email":1,"password":2,"name":3}`, wire.ValidationFailed, all},
		{"nulls", wire.RegisterPath, `{"email":null,"password":null,"name":null}`, wire.ValidationFailed, all},
		{"objects", wire.RegisterPath, `{"email":{"$ne":1},"password":{"$ne":1},"name":[]}`, wire.ValidationFailed, all},
		{"short password", wire.RegisterPath, `{"email":"bob@example.com","password":"seven 7","name":"Bob"}`, wire.ValidationFailed,
			[]string{"password must be longer than or equal to 8 characters"}},
		{"A170 long password", wire.RegisterPath, `{"email":"bob@example.com","password":"` + strings.Repeat("x", 129) + `","name":"Bob"}`,
			wire.ValidationFailed, []string{"password must be shorter than or equal to 128 characters"}},
		{"short name", wire.RegisterPath, `{"email":"bob@example.com","password":"correct horse","name":" B "}`, wire.ValidationFailed,
			[]string{"Name must be at least 2 characters"}},
		{"long name", wire.RegisterPath, `{"email":"bob@example.com","password":"correct horse","name":"` + strings.Repeat("ü", 256) + `"}`,
			wire.ValidationFailed, []string{"name must be shorter than or equal to 255 characters"}},
		{"A74 control characters", wire.RegisterPath, `{"email":"bob@example.com","password":"correct horse","name":"B\u0000b","referralCode":"\n"}`,
			wire.ValidationFailed, []string{"name must not contain control characters", "referralCode must not contain control characters"}},
		{"optional of another type", wire.RegisterPath, `{` + good + `,"referralCode":5,"sourceAppId":[]}`, wire.ValidationFailed,
			[]string{"referralCode must be a string", "sourceAppId must be a string"}},
		{"unknown fields", wire.RegisterPath, `{` + good + `,"b":1,"a":{}}`, wire.ValidationFailed,
			[]string{"property a should not exist", "property b should not exist"}},
		{"a field in another case", wire.LoginPath, `{"Email":"ann@example.com","password":"x"}`, wire.ValidationFailed,
			[]string{"email must be an email", "property Email should not exist"}},
		{"no password", wire.LoginPath, `{"email":"ann@example.com","password":""}`, wire.ValidationFailed,
			[]string{"password must be longer than or equal to 1 characters"}},
		{"A170 endless password", wire.LoginPath, `{"email":"ann@example.com","password":"` + strings.Repeat("x", 1025) + `"}`, wire.ValidationFailed,
			[]string{"password must be shorter than or equal to 1024 characters"}},
		{"rememberMe a string", wire.LoginPath, `{"email":"ann@example.com","password":"x","rememberMe":"true"}`, wire.ValidationFailed,
			[]string{"rememberMe must be a boolean value"}},
		{"long device", wire.LoginPath, `{"email":"ann@example.com","password":"x","deviceName":"` + strings.Repeat("x", 256) + `"}`,
			wire.ValidationFailed, []string{"deviceName must be shorter than or equal to 255 characters"}},
		{"no refresh token", wire.RefreshPath, `{}`, wire.ValidationFailed, []string{"refreshToken must be a string"}},
		{"refresh token a number", wire.RefreshPath, `{"refreshToken":1}`, wire.ValidationFailed, []string{"refreshToken must be a string"}},
		{"no token", wire.ValidatePath, `{}`, wire.ValidationFailed, []string{"token must be a string"}},
		{"token a boolean", wire.ValidatePath, `{"token":true}`, wire.ValidationFailed, []string{"token must be a string"}},
		{"logout with another type", wire.LogoutPath, `{"refreshToken":[]}`, wire.ValidationFailed, []string{"refreshToken must be a string"}},
		{"logout with an unknown field", wire.LogoutPath, `{"token":"x"}`, wire.ValidationFailed, []string{"property token should not exist"}},
	}
	for _, path := range []string{wire.RegisterPath, wire.LoginPath, wire.RefreshPath, wire.LogoutPath, wire.ValidatePath} {
		rows = append(rows,
			row{"half an object", path, `{` + good, wire.InvalidRequest, notJSON},
			row{"text", path, `email=bob`, wire.InvalidRequest, notJSON},
			row{"an array", path, `[{` + good + `}]`, wire.InvalidRequest, notJSON},
			row{"null", path, `null`, wire.InvalidRequest, notJSON},
			row{"A57 a name twice", path, `{` + good + `,"email":"eve@example.com"}`, wire.InvalidRequest, notJSON},
			row{"A65 trailing data", path, `{` + good + `}{}`, wire.InvalidRequest, notJSON},
			row{"A66 BOM", path, "\ufeff{" + good + `}`, wire.InvalidRequest, notJSON},
			row{"A67 invalid UTF-8", path, "{" + good + ",\"x\":\"\xff\"}", wire.InvalidRequest, notJSON},
			row{"A69 UTF-16", path, "\xff\xfe{\x00}\x00", wire.InvalidRequest, notJSON},
			row{"A72 deep nesting", path, `{"x":` + strings.Repeat("[", 50_000), wire.InvalidRequest, notJSON},
			row{"101 KB", path, `{"token":"` + strings.Repeat("x", 101<<10) + `"}`, wire.PayloadTooLarge, tooLarge},
			row{"1 MiB", path, strings.Repeat(" ", 1<<20), wire.PayloadTooLarge, tooLarge},
		)
	}
	h.unchanged(func() {
		for _, test := range rows {
			t.Run(test.path[len("/api/v1/auth/"):]+" "+test.name, func(t *testing.T) {
				h := *h
				h.T = t
				h.refused(h.post(test.path, test.body), test.code, test.path, test.message)
			})
		}
	})
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString("{")
	for i := range 5000 {
		fmt.Fprintf(&body, `"%s%d":1,`, strings.Repeat("n", 5), i)
	}
	body.WriteString(`"` + strings.Repeat("ü", 300) + `":1}`)
	h := serverFor(t)
	a := h.post(wire.ValidatePath, body.String())
	if a.status != http.StatusBadRequest || len(a.body) > 4096 {
		t.Errorf("status %d, %d bytes", a.status, len(a.body))
	}
}

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ann@example.com":                  "ann@example.com",
		"Ann.B+tag@Sub.Example.COM":        "ann.b+tag@sub.example.com",
		"o'hara_1-2@example.co":            "o'hara_1-2@example.co",
		"ju\u0308rgen@m\u00fcnchen.de":     "j\u00fcrgen@m\u00fcnchen.de", // NFD and NFC are one account
		"ann@xn--mnchen-3ya.de":            "ann@xn--mnchen-3ya.de",
		strings.Repeat("a", 64) + "@b.com": strings.Repeat("a", 64) + "@b.com",

		"": "", "ann": "", "@example.com": "", "ann@": "", "ann@localhost": "", "ann@example.c": "",
		"ann@.com": "", "ann@example..com": "", "ann@example.com.": "", ".ann@example.com": "", "ann.@example.com": "",
		"a..b@example.com": "", "ann@-example.com": "", "ann@example-.com": "", "ann@127.0.0.1": "", "ann@[127.0.0.1]": "",
		"ann b@example.com": "", " ann@example.com": "", "ann@example.com ": "", "ann@example.com\n": "", "ann@exa mple.com": "",
		"a@b@example.com": "", `"ann"@example.com`: "", "ann@example.com,bob@example.com": "", "Ann <ann@example.com>": "",
		"ann\x00@example.com": "", "ann@example\u200b.com": "", "ann\u202e@example.com": "",
		strings.Repeat("a", 65) + "@b.com":                          "",
		"a@" + strings.Repeat("b", 64) + ".com":                     "",
		"a@" + strings.Repeat(strings.Repeat("b", 60)+".", 5) + "c": "",
	} {
		got, ok := normalEmail(in)
		if got != want || ok != (want != "") {
			t.Errorf("normalEmail(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

// FuzzForm: no body makes the decoder panic, answer with anything but a
// client's error, or read two things into one body.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"email":"a@b.de","password":"12345678","name":"Ann"}`, `{"email":"a@b.de","email":"c@d.de"}`,
		`{"rememberMe":true,"deviceId":"d"}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}", `{"a":[[[[]]]]}`, `{"password":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func() (values []any, err error) {
			form, err := parseForm(body)
			if err != nil {
				return nil, err
			}
			values = []any{
				form.email("email"), form.password("password", 8, maxPassword), form.personName("name"),
				form.optional("deviceId"), form.flag("rememberMe"),
			}
			return values, form.finish()
		}
		values, err := read()
		again, errAgain := read()
		if diff := cmp.Diff(values, again); diff != "" || (err == nil) != (errAgain == nil) {
			t.Errorf("one body, two readings:\n%s", diff)
		}
		if err != nil {
			var f *failure
			if !errors.As(err, &f) || f.code.Status() != http.StatusBadRequest {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		for _, value := range values {
			if s, ok := value.(string); ok && !utf8.ValidString(s) {
				t.Errorf("%q was read as invalid UTF-8 %q", body, s)
			}
		}
		if n := utf8.RuneCountInString(values[1].(string)); n < 8 || n > maxPassword || values[0] == "" {
			t.Errorf("%q was accepted as %q", body, values)
		}
	})
}
