package guardtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// bleedVariable sets how many requests runBleed sends; default 20000. The full
// run, under the race detector:
//
//	GUARDTEST_REQUESTS=1000000 go test -race -timeout 30m -run TestGuard/bleed ./middleware/...
const bleedVariable = "GUARDTEST_REQUESTS"

// runBleed sends many requests at once, each with a user of its own or with
// none, through the framework's pooled contexts. Every handler sees its own
// user, before and after others had a turn, and it sees none where none was
// sent. The requests go straight to the handler: sockets would only slow them
// down.
func runBleed(t *testing.T, build Build) {
	total := 20000
	if value := os.Getenv(bleedVariable); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(bleedVariable, err)
		}
		total = n
	}
	auth := verifierFunc(func(_ context.Context, token string) (client.User, error) {
		switch token {
		case "":
			return client.User{}, client.ErrNoToken
		case "bad":
			return client.User{}, client.ErrSignature
		}
		return client.User{ID: token, SessionID: token}, nil
	})
	check := func(w http.ResponseWriter, r *http.Request, user client.User, ok bool) {
		want := r.URL.Query().Get("user")
		if user.ID != want || ok != (want != "") {
			t.Errorf("the handler of user %q got %q", want, user.ID)
		}
		runtime.Gosched()
		if after, _ := client.CurrentUser(r.Context()); after != user {
			t.Errorf("the context of user %q turned into %q's", want, after.ID)
		}
	}
	handler := build(App{
		Guards: []Layer{{auth, []middleware.Option{middleware.Optional(), middleware.Public("GET /open")}}},
		Routes: []Route{{Method: "GET", Path: "/me", Serve: check}, {Method: "GET", Path: "/open", Serve: check}},
	})
	const workers = 8
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < total; i += workers {
				bleedOne(t, handler, i)
			}
		})
	}
	group.Wait()
}

// bleedOne sends request number i: in turn with a user, without one, with a bad
// token, and with a user on a public route, where the handler sees none.
func bleedOne(t *testing.T, handler http.Handler, i int) {
	id := "user-" + strconv.Itoa(i)
	target, token, status := "/me?user="+id, id, http.StatusOK
	switch i % 4 {
	case 1:
		target, token = "/me", ""
	case 2:
		target, token, status = "/me?user="+id, "bad", http.StatusUnauthorized
	case 3:
		target = "/open"
	}
	r := httptest.NewRequest("GET", target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status {
		t.Errorf("%s with token %q: status %d; want %d", target, token, w.Code, status)
	}
}
