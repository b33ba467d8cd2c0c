package lru

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
		t.Error("Get does not find the token")
	}
}

// What Get found last is not found again once another value took its place.
func TestLastFoundIsNotStale(t *testing.T) {
	t.Parallel()
	c := New[int](shardCount)
	for want := range 3 {
		c.Add("token", want)
		for range 2 {
			if v := c.Get("token"); v == nil || *v != want {
				t.Errorf("Get does not find %d", want)
			}
		}
	}
	c.Drop("token")
	if v := c.Get("token"); v != nil {
		t.Errorf("Get = %d after Drop", *v)
	}
	if hits, misses, length := c.Counts(); hits != 5 || misses != 2 || length != 0 {
		t.Errorf("%d hits, %d misses, %d held; want 5, 2, none", hits, misses, length)
	}
}
