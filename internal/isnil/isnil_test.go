package isnil

import (
	"io"
	"os"
	"testing"
)

func TestIs(t *testing.T) {
	t.Parallel()
	var file *os.File
	var reader io.Reader = file
	for name, tt := range map[string]struct {
		value any
		want  bool
	}{
		"nil":                         {nil, true},
		"a nil pointer":               {file, true},
		"a nil pointer, in interface": {reader, true},
		"a nil function":              {(func())(nil), true},
		"a nil map":                   {map[string]int(nil), true},
		"a nil slice":                 {[]int(nil), true},
		"a nil channel":               {(chan int)(nil), true},
		"a pointer":                   {new(int), false},
		"a struct":                    {struct{}{}, false},
		"a function":                  {func() {}, false},
		"an empty slice":              {[]int{}, false},
		"nought":                      {0, false},
	} {
		if got := Is(tt.value); got != tt.want {
			t.Errorf("%s: %v; want %v", name, got, tt.want)
		}
	}
}
