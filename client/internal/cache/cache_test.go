package cache

import (
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"
)

// A token is often a part of a header that is as long as its sender likes: the
// cache keeps the token, and not the header.
func TestAddKeepsTheTextAlone(t *testing.T) {
	t.Parallel()
	c := New[int](shardCount)
	header := strings.Repeat(" ", 1<<20) + "token"
	kept := weak.Make(unsafe.StringData(header))
	c.Add(header[1<<20:], 7)
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the header is held")
	}
	if v := c.Get("token"); v == nil || *v != 7 {
		t.Errorf("Get = %v; want 7", v)
	}
}
