package reqctx

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type user struct{ name string }

// likeGin has a value under Gin's key.
type likeGin struct {
	context.Context
	value any
}

func (c likeGin) Value(key any) any {
	if key == ginKey {
		return c.value
	}
	return c.Context.Value(key)
}

func TestFind(t *testing.T) {
	t.Parallel()
	type key struct{}
	outer := context.WithValue(t.Context(), key{}, "kept")
	ada := &Guarded[user]{Context: outer, User: user{"ada"}, Known: true}
	derived, cancel := context.WithCancel(ada)
	defer cancel()
	if got := Find[user](derived); got != ada {
		t.Errorf("Find = %v; want the one that was put there", got)
	}
	if derived.Value(key{}) != "kept" {
		t.Error("another value of the context is lost")
	}
	nobody := &Guarded[user]{Context: derived}
	if got := Find[user](nobody); got != nobody || got.Known {
		t.Errorf("Find = %v; want the innermost", got)
	}
	if got := Find[user](outer); got != nil {
		t.Errorf("Find = %v; want nil", got)
	}
}

func TestStringTellsNothingOfTheUser(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(&Guarded[user]{Context: context.Background(), User: user{"ada"}, Known: true})
	defer cancel()
	if got := fmt.Sprint(ctx); strings.Contains(got, "ada") || !strings.Contains(got, "WithUser") {
		t.Errorf("the context prints as %s", got)
	}
}

func TestFindInGin(t *testing.T) {
	t.Parallel()
	ada := &Guarded[user]{Context: t.Context(), User: user{"ada"}, Known: true}
	r := httptest.NewRequest("GET", "/", nil).WithContext(ada)
	ctx, cancel := context.WithCancel(likeGin{t.Context(), &struct{ Request *http.Request }{r}})
	defer cancel()
	if got := Find[user](ctx); got != ada {
		t.Errorf("Find = %v; want the one in the request's context", got)
	}
}

// A value under Gin's key that is no context of Gin, or one without a request,
// holds nothing.
func TestWhatIsNotGin(t *testing.T) {
	t.Parallel()
	type unexported struct{ request int }
	r := httptest.NewRequest("GET", "/", nil)
	for _, value := range []any{
		"text", 7, (*struct{ Request int })(nil), &unexported{7}, &struct{ Request int }{7},
		struct{ Request any }{r}, new(any), &struct{ Request any }{nil},
	} {
		ctx := likeGin{t.Context(), value}
		if got := Find[user](ctx); got != nil {
			t.Errorf("%T: Find = %v; want nil", value, got)
		}
	}
}
