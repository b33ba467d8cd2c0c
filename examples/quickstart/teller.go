package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 1 << 20

// teller plays steps and prints them. vars are the story's variables.
type teller struct {
	out    io.Writer
	client *http.Client
	vars   map[string]string
}

// tell plays the story and fails unless every answer is the expected one. It
// goes on after a wrong answer; without any answer it stops.
func tell(ctx context.Context, authURL, backendURL string, out io.Writer) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	t := teller{
		out:    out,
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		vars:   map[string]string{"AUTH": authURL, "BACKEND": backendURL},
	}
	steps := story()
	wrong := 0
	for n, s := range steps {
		fmt.Fprintf(out, "\n%2d. %s\n", n+1, s.title)
		if s.note != "" {
			fmt.Fprintf(out, "    %s\n", s.note)
		}
		fmt.Fprintf(out, "\n%s\n", indent(curl(s)))
		answer, err := t.askUntil(ctx, s)
		if err != nil {
			fmt.Fprintf(out, "    FAILED  no answer\n")
			return fmt.Errorf("step %d: %w", n+1, err)
		}
		fmt.Fprintf(out, "%s\n", indent(answer.text()))
		if err := t.check(s, answer); err != nil {
			wrong++
			fmt.Fprintf(out, "    FAILED  %v\n", err)
			continue
		}
		fmt.Fprintf(out, "    ok      %s\n", s.expectation())
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d answers were not the expected ones", wrong, len(steps))
	}
	fmt.Fprintf(out, "\nAll %d answers were the expected ones.\n", len(steps))
	return nil
}

// expand puts the variables' values in.
func (t teller) expand(text string) string {
	return os.Expand(text, func(name string) string { return t.vars[name] })
}

// ask sends the request of a step.
func (t teller) ask(ctx context.Context, s step) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, s.method, t.expand(s.url), strings.NewReader(t.expand(s.body)))
	if err != nil {
		return answer{}, err
	}
	if s.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+t.vars[s.bearer])
	}
	response, err := t.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	return answer{response, body}, nil
}

// askUntil asks until the answer is the expected one, for as long as the step
// allows.
func (t teller) askUntil(ctx context.Context, s step) (answer, error) {
	deadline := time.Now().Add(s.within)
	for {
		a, err := t.ask(ctx, s)
		if err != nil || t.check(s, a) == nil || time.Now().After(deadline) {
			return a, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
}

// check holds an answer to what the step expects and keeps what it keeps.
func (t teller) check(s step, a answer) error {
	if a.StatusCode != s.status {
		return fmt.Errorf("status %d, expected %d", a.StatusCode, s.status)
	}
	var members map[string]any
	if err := json.Unmarshal(a.body, &members); err != nil {
		return errors.New("the body is no JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if want := t.expand(s.fields[name]); members[name] != want {
			return fmt.Errorf("%s is not %s", name, shorten(want))
		}
	}
	for variable, name := range s.keep {
		value, ok := members[name].(string)
		if !ok || value == "" {
			return fmt.Errorf("no %s", name)
		}
		t.vars[variable] = value
	}
	if s.forge != "" {
		forged, err := forge(t.vars["ACCESS"])
		if err != nil {
			return err
		}
		t.vars[s.forge] = forged
	}
	return nil
}

// expectation says what check has seen to hold.
func (s step) expectation() string {
	var text strings.Builder
	text.WriteString(strconv.Itoa(s.status))
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		text.WriteString(", " + name + " " + s.fields[name])
	}
	for _, variable := range slices.Sorted(maps.Keys(s.keep)) {
		text.WriteString(", $" + variable + " is " + s.keep[variable])
	}
	return text.String()
}

// forge makes an admin of the user of a token, and leaves the signature.
func forge(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the access token has not three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("the access token's payload is not base64url")
	}
	forged := bytes.Replace(payload, []byte(`"role":"user"`), []byte(`"role":"admin"`), 1)
	if bytes.Equal(forged, payload) {
		return "", errors.New("the access token names no role")
	}
	parts[1] = base64.RawURLEncoding.EncodeToString(forged)
	return strings.Join(parts, "."), nil
}
