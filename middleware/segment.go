package middleware

import (
	"net/url"
	"strings"
)

// The kinds of a path's segments.
type kind int

const (
	literal   kind = iota
	wild           // one segment: {id}, :id
	remainder      // all that follows: a final slash or {path...}, *path
	final          // the end after a slash: {$}, and a template's final slash
)

type segment struct {
	kind kind
	text string // of a literal
}

// cut takes the first segment off a path in ServeMux syntax; path starts with
// a slash, and what remains is empty or does so too.
func cut(path string) (segment, string) {
	text, remains := cutText(path)
	switch {
	case text == "", strings.HasSuffix(text, "...}"):
		return segment{kind: remainder}, ""
	case text == "{$}":
		return segment{kind: final}, ""
	case strings.HasPrefix(text, "{"):
		return segment{kind: wild}, remains
	default:
		return segment{literal, text}, remains
	}
}

// cutTemplate is cut for the syntax of Echo and Gin, and for {id} in the
// templates of other routers.
func cutTemplate(path string) (segment, string) {
	text, remains := cutText(path)
	switch {
	case text == "" && remains == "":
		return segment{kind: final}, ""
	case strings.HasPrefix(text, "*"):
		return segment{kind: remainder}, ""
	case strings.HasPrefix(text, ":"), strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && !strings.ContainsAny(text, ".:*$"):
		return segment{kind: wild}, remains
	default:
		return segment{literal, text}, remains
	}
}

func cutText(path string) (text, remains string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// matchesPath tells that a path in ServeMux syntax covers the path of a
// request.
func matchesPath(pattern, path string) bool {
	for pattern != "" {
		if path == "" || path[0] != '/' {
			return false
		}
		var p segment
		var text string
		p, pattern = cut(pattern)
		text, path = cutText(path)
		switch {
		case p.kind == remainder:
			return true
		case p.kind == final && (text != "" || path != ""), p.kind == wild && text == "", p.kind == literal && text != decoded(p.text):
			return false
		}
	}
	return path == ""
}

// decoded is the text of a literal, which may be percent-encoded in a pattern
// of ServeMux.
func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// wide tells that a path in ServeMux syntax covers more than one path.
func wide(path string) bool {
	for path != "" {
		var s segment
		if s, path = cut(path); s.kind == wild || s.kind == remainder {
			return true
		}
	}
	return false
}

// covers tells that every path which matches narrow matches outer, both in
// ServeMux syntax.
func covers(outer, narrow string) bool {
	for outer != "" {
		var w, n segment
		w, outer = cut(outer)
		if narrow == "" {
			return false
		}
		n, narrow = cut(narrow)
		switch {
		case w.kind == remainder:
			return true
		case n.kind == remainder:
			return false
		case w.kind == wild && n.kind != final:
		case w != n:
			return false
		}
	}
	return narrow == ""
}

// sameRoute tells that a path in ServeMux syntax and a template name the same
// route.
func sameRoute(path, template string) bool {
	for path != "" && strings.HasPrefix(template, "/") {
		var p, t segment
		p, path = cut(path)
		t, template = cutTemplate(template)
		if p != t && (p.kind != remainder || t.kind != final) {
			return false
		}
	}
	return path == "" && template == ""
}
