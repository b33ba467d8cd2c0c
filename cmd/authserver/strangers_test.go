package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./cmd/authserver -run TestStrangersAtTheFeed -v -strangers 10000 -addresses 1000 -streams 4096.
var (
	strangers = flag.Int("strangers", 600, "how many streams strangers try to open in TestStrangersAtTheFeed")
	addresses = flag.Int("addresses", 60, "how many addresses they come from")
	streams   = flag.Int("streams", 128, "how many streams the server has place for, half of them for strangers")
)

// TestStrangersAtTheFeed: many strangers of many addresses hold every stream that
// they get. Backends with a service key keep theirs, and get one meanwhile.
func TestStrangersAtTheFeed(t *testing.T) {
	t.Parallel()
	const key = "a service key of more than 32 characters"
	server := run(t, t.TempDir(), "SQLITE_PATH="+filepath.Join(t.TempDir(), "auth.db"), kekVariable('k'), "PORT=0", "RATE_LIMIT_DISABLED=true",
		"TRUSTED_PROXIES=127.0.0.0/8", "MANA_CORE_SERVICE_KEY="+key, "REVOCATIONS_STREAMS="+strconv.Itoa(*streams))
	service := func() *client.Client {
		return backend(t, server.url, func(c *client.Config) {
			c.ServiceKey, c.AppID, c.Logger = key, "shop", slog.New(slog.DiscardHandler)
		})
	}
	first := service()
	var user wire.RegisterResponse
	const credentials = `{"email":"ann@example.com","password":"correct horse"}`
	server.call(wire.RegisterPath, credentials, http.StatusCreated, &user)
	var tokens wire.TokenResponse
	server.call(wire.LoginPath, credentials, http.StatusOK, &tokens)

	ctx, leave := context.WithCancel(t.Context())
	var held sync.WaitGroup
	defer held.Wait()
	defer leave()
	silent := 0
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	statuses := map[int]int{}
	gone := make(chan struct{}, *strangers)
	for n := range *strangers {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.url+wire.RevocationsPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		// The first address takes all places of strangers, and has to make room.
		address := max(n-*streams/2, 0) % *addresses
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", address>>8, address&255))
		request.Header.Set("Accept", wire.EventStream)
		answer, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		statuses[answer.StatusCode]++
		held.Go(func() { // reads until the stream ends
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			gone <- struct{}{}
		})
		if first.Stats().Issuers[0].Revocations.State != "fresh" {
			silent++
		}
	}
	// Those who were refused are gone, and so are those who gave way.
	for range *strangers - *streams/2 {
		select {
		case <-gone:
		case <-t.Context().Done():
			t.Fatal("strangers have more than half of the places")
		}
	}
	t.Logf("strangers were answered with %v", statuses)
	if statuses[http.StatusOK] < *streams/2 || statuses[http.StatusOK]+statuses[http.StatusServiceUnavailable] != *strangers {
		t.Errorf("strangers were answered with %v", statuses)
	}
	second := service()
	for n, b := range []*client.Client{first, second} {
		if _, err := b.Verify(t.Context(), tokens.AccessToken); err != nil {
			t.Errorf("backend %d before the logout: %v", n, err)
		}
		s := b.Stats().Issuers[0].Revocations
		if s.Connections != 1+s.Faults {
			t.Errorf("the server ended a stream of backend %d: %+v", n, s)
		}
		t.Logf("backend %d: %+v, the first one was silent at %d of %d looks", n, s, silent, *strangers)
	}
	server.send("POST", wire.LogoutPath, "", fmt.Sprintf(`{"refreshToken":%q}`, tokens.RefreshToken), http.StatusOK)
	t.Logf("a logout reached both within %v", refusedByAll(t, []*client.Client{first, second}, tokens.AccessToken))
}
