package main

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// maxBody is the largest accepted request body, in bytes.
const maxBody = 100 << 10

// envelope is the error body of the Mana Core services, the one that the guard
// answers with too. Message is a string or, for failed validation, a list.
type envelope struct {
	StatusCode int    `json:"statusCode"`
	Message    any    `json:"message"`
	Error      string `json:"error"`
	Code       string `json:"code"`
	Timestamp  string `json:"timestamp"`
	Path       string `json:"path"`
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string, message any) {
	reply(w, status, envelope{status, message, code, code, timestamp(), r.URL.EscapedPath()})
}

func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // every body is one of this package's own types
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store") // what one user gets is not for a shared cache
	w.WriteHeader(status)
	// An error here means that the caller is gone: there is nobody to tell.
	_, _ = w.Write(text)
}

// read decodes the request's body strictly: unknown and duplicate members,
// wrong types and invalid UTF-8 are errors. It has answered when it is false.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, r, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "Request body is too large")
		return false
	case err != nil:
		refuse(w, r, http.StatusBadRequest, "INVALID_REQUEST", "Request body could not be read")
		return false
	}
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		refuse(w, r, http.StatusBadRequest, "INVALID_REQUEST", "Request body is not the expected JSON object")
		return false
	}
	return true
}

func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
