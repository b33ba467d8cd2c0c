// Package isnil finds the nil that an interface hides.
package isnil

import "reflect"

// Is tells whether v is nil, or an interface that holds a nil pointer, function,
// map, slice or channel. The second comes from an error that nobody looked at:
// "auth, _ := client.FromEnv()" leaves a nil *Client, and as an interface it is
// not equal to nil.
func Is(v any) bool {
	if v == nil {
		return true
	}
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return value.IsNil()
	default:
		return false
	}
}
