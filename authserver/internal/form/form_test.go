package form

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzForm: no body makes the decoder panic, gives anything but one of the two
// errors of a client, or is read as two things.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"email":"a@b.de","password":"12345678","name":"Ann"}`, `{"email":"a@b.de","email":"c@d.de"}`,
		`{"rememberMe":true,"deviceId":"d"}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}", `{"a":[[[[]]]]}`, `{"password":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		type values struct {
			Email, Password, Name, Device string
			Remember                      bool
		}
		read := func() (v values, err error) {
			return v, Parse(body, []Field{
				Email("email", &v.Email), Password("password", &v.Password, 8, MaxPassword), PersonName("name", &v.Name),
				Text("deviceId", &v.Device), Flag("rememberMe", &v.Remember),
			})
		}
		got, err := read()
		again, errAgain := read()
		if diff := cmp.Diff(got, again); diff != "" || (err == nil) != (errAgain == nil) {
			t.Errorf("one body, two readings:\n%s", diff)
		}
		if err != nil {
			var invalid *InvalidError
			if !errors.Is(err, ErrMalformed) && (!errors.As(err, &invalid) || len(invalid.Problems) == 0) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		for _, s := range []string{got.Email, got.Password, got.Name, got.Device} {
			if !utf8.ValidString(s) {
				t.Errorf("%q was read as invalid UTF-8 %q", body, s)
			}
		}
		if n := utf8.RuneCountInString(got.Password); n < 8 || n > MaxPassword || got.Email == "" {
			t.Errorf("%q was accepted as %+v", body, got)
		}
	})
}

// An absent property and one that is null are the same, but for those whose
// sending means something.
func TestAbsentAndNull(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		field      func(s *string) Field
		want       string // problem; empty: none
	}{
		{"a required one is absent", `{}`, func(s *string) Field { return String("a", s) }, "a must be a string"},
		{"a required one is null", `{"a":null}`, func(s *string) Field { return String("a", s) }, "a must be a string"},
		{"a text is null", `{"a":null}`, func(s *string) Field { return Text("a", s) }, ""},
		{"an optional string is absent", `{}`, func(s *string) Field { return OptionalString("a", s) }, ""},
		{"an optional string is null", `{"a":null}`, func(s *string) Field { return OptionalString("a", s) }, "a must be a string"},
		{"no body at all", ``, func(s *string) Field { return Text("a", s) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var s string
			var got string
			if err := Parse([]byte(test.body), []Field{test.field(&s)}); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
