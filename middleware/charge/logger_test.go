package charge_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// It sets slog.Default, and so does not run beside other tests: a program may
// set its logger after its guards are made.
func TestS33LoggerOfTheProgram(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ledger, err := credits.New(credits.Config{
		AppID: "chat", ServiceKey: "key", Retries: -1,
		HTTPClient: &http.Client{Transport: refusing{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	guard := charge.New(ledger, "op", charge.Fixed(1), charge.Config{})
	var late bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&late, nil)))
	r := httptest.NewRequest("POST", "/", nil)
	if _, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"}))); denial == nil {
		t.Fatal("admitted without a ledger")
	}
	_ = ledger.Close()
	for _, text := range []string{"the credit ledger gave no answer", "requests are refused"} {
		if !strings.Contains(late.String(), text) {
			t.Errorf("the logger that was set later lacks %q: %s", text, &late)
		}
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }
