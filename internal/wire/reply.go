package wire

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Reply answers r with a JSON body that nobody may store or take for something
// else. An answer to HEAD has its header and no body. Characters that HTML
// gives a meaning to are escaped. It panics on a body that is not JSON, which
// none of this package is.
func Reply(w http.ResponseWriter, r *http.Request, status int, body any) {
	doc, err := json.Marshal(body, jsontext.EscapeForHTML(true))
	if err != nil {
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	// An error here means that the caller is gone: there is nobody to tell.
	_, _ = w.Write(doc)
}
