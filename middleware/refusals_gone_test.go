package middleware_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

type noVerdict struct{}

func (noVerdict) Verify(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrUnavailable
}

func TestS23CallerWhoGoesIsNoWarning(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	guard := middleware.New(noVerdict{}, middleware.Logger(slog.New(slog.NewTextHandler(&out, nil))))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer abc")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, denial := guard.Admit(r.WithContext(gone)); denial == nil || denial.Status != http.StatusServiceUnavailable {
		t.Fatalf("got %+v, want 503", denial)
	}
	if out.Len() > 0 {
		t.Errorf("got %q", &out)
	}
	if guard.Admit(r); out.Len() == 0 {
		t.Error("no warning of an outage")
	}
}

type keyPending struct{}

func (keyPending) Verify(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrKeyPending
}

// S14: what a stranger who makes up kids can bring about is a 503 with
// Retry-After, and no line about an outage.
func TestS14KeyPendingIsNoWarning(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	guard := middleware.New(keyPending{}, middleware.Logger(slog.New(slog.NewTextHandler(&out, nil))))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer abc")
	if _, denial := guard.Admit(r); denial == nil || denial.Status != http.StatusServiceUnavailable || denial.RetryAfter == 0 {
		t.Fatalf("got %+v, want 503 with Retry-After", denial)
	}
	if out.Len() > 0 {
		t.Errorf("got %q", &out)
	}
}
