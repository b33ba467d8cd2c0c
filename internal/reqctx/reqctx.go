// Package reqctx holds what guards put into the context of a request: the user
// whom they verified, and how they refuse. Package client reads the first,
// package middleware both.
package reqctx

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
)

// Guarded is a context with the user of a guard. U is client.User, which this
// package cannot import. One value holds the context and the user, so that a
// guarded request costs one allocation for both.
type Guarded[U any] struct {
	context.Context
	// User is the zero value where Known is false.
	User U
	// Known is false behind a guard that let the request pass without a user.
	// A user of the contexts further out is then hidden.
	Known bool
	// Guard is how the innermost guard refuses. nil: there is no guard.
	Guard any
}

type guardedKey struct{}

// Value returns g itself for the key that Find asks for.
func (g *Guarded[U]) Value(key any) any {
	if key == (guardedKey{}) {
		return g
	}
	return g.Context.Value(key)
}

// String names the context without the user, whose data belongs in no log.
func (g *Guarded[U]) String() string {
	if parent, ok := g.Context.(fmt.Stringer); ok {
		return parent.String() + ".WithUser"
	}
	return fmt.Sprintf("%T.WithUser", g.Context)
}

// Find returns the innermost Guarded of ctx; nil where there is none.
func Find[U any](ctx context.Context) *Guarded[U] {
	if g, ok := ctx.(*Guarded[U]); ok {
		return g
	}
	g, _ := Value(ctx, guardedKey{}).(*Guarded[U])
	return g
}

// ginKey is the key for which the context of a Gin handler returns itself
// (gin.ContextKey).
const ginKey = "_gin-gonic/gin/contextkey"

// Value is ctx.Value, and looks into the request's context where ctx is the
// context of a Gin handler or made from one. Gin itself looks there only with
// Engine.ContextWithFallback.
func Value(ctx context.Context, key any) any {
	if value := ctx.Value(key); value != nil {
		return value
	}
	if r := requestOf(ctx.Value(ginKey)); r != nil {
		return r.Context().Value(key)
	}
	return nil
}

// requestOf reads the field Request of Gin's context. It knows the field by
// name, so that no backend gets Gin for the sake of this package.
func requestOf(c any) *http.Request {
	pointer := reflect.ValueOf(c)
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := pointer.Elem().FieldByName("Request")
	if !field.IsValid() || !field.CanInterface() {
		return nil
	}
	r, _ := reflect.TypeAssert[*http.Request](field)
	return r
}
