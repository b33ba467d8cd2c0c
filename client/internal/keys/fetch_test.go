package keys

import (
	"net/http"
	"testing"
	"time"
)

func TestMaxAge(t *testing.T) {
	t.Parallel()
	const silent = time.Duration(-1)
	for _, tt := range []struct {
		control []string
		age     string
		want    time.Duration
	}{
		{nil, "", silent},
		{nil, "60", silent},
		{[]string{"public"}, "", silent},
		{[]string{"public, max-age=300"}, "", 5 * time.Minute},
		{[]string{"public", "Max-Age=300"}, "", 5 * time.Minute},
		{[]string{` MAX-AGE="300" `}, "", 5 * time.Minute},
		{[]string{"s-maxage=1, max-age=300"}, "", 5 * time.Minute},
		{[]string{"max-age=0"}, "", 0},
		{[]string{"no-store"}, "", 0},
		{[]string{"max-age=300, no-cache"}, "", 0},
		{[]string{"no-cache, max-age=300"}, "", 0},
		{[]string{"max-age=300"}, "100", 200 * time.Second},
		{[]string{"max-age=300"}, "400", 0},
		{[]string{"max-age=300"}, "-1", 5 * time.Minute},
		{[]string{"max-age=300"}, "soon", 5 * time.Minute},
		{[]string{"max-age=-1"}, "", silent},
		{[]string{"max-age=99999999999999999999"}, "", silent},
		{[]string{"max-age="}, "", silent},
	} {
		h := http.Header{"Cache-Control": tt.control}
		if tt.age != "" {
			h.Set("Age", tt.age)
		}
		if got := maxAge(h); got != tt.want {
			t.Errorf("Cache-Control %q, Age %q: %v, want %v", tt.control, tt.age, got, tt.want)
		}
	}
}
