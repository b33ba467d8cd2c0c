package authserver

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

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
		"password must be shorter than or equal to 128 characters",
		"password must be longer than or equal to 8 characters",
		"password must be a string",
	}
	noName := []string{
		"name must be shorter than or equal to 255 characters", "Name must be at least 2 characters", "name must be a string",
	}
	noEmail := []string{"email must be an email"}
	nothing := slices.Concat(noEmail, noPassword) // the name is optional
	all := slices.Concat(nothing, noName)
	const good = `"email":"bob@example.com","password":"correct horse","name":"Bob"`

	type row struct {
		name, path, body string
		code             wire.Code
		message          any
	}
	rows := []row{
		{"nothing", wire.RegisterPath, ``, wire.ValidationFailed, nothing},
		{"empty object", wire.RegisterPath, `{}`, wire.ValidationFailed, nothing},
		{"numbers", wire.RegisterPath, `{"email":1,"password":2,"name":3}`, wire.ValidationFailed, all},
		{"nulls", wire.RegisterPath, `{"email":null,"password":null,"name":null}`, wire.ValidationFailed, nothing},
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
	a := h.post(wire.LoginPath, body.String())
	if a.status != http.StatusBadRequest || len(a.body) > 4096 {
		t.Errorf("status %d, %d bytes", a.status, len(a.body))
	}
}
