package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/middleware/charge"
)

// prompt is the body of a request for a completion.
type prompt struct {
	Prompt   string `json:"prompt"`
	MaxWords int64  `json:"maxWords"` // 1 to 200; absent: 50
}

type promptKey struct{}

// withPrompt reads the prompt before anything is charged, and refuses what is
// none: the cost of a request is known only then. It puts the body back, which
// is a part of what makes two requests the same.
func withPrompt(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, 64<<10))
		p := prompt{MaxWords: 50}
		if err != nil || json.Unmarshal(body, &p) != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "the body is no prompt")
		}
		if p.Prompt == "" || p.MaxWords < 1 || p.MaxWords > 200 {
			return echo.NewHTTPError(http.StatusBadRequest, "a prompt and 1 to 200 words are needed")
		}
		r = r.WithContext(context.WithValue(r.Context(), promptKey{}, p))
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.SetRequest(r)
		return next(c)
	}
}

func promptOf(r *http.Request) prompt {
	p, _ := r.Context().Value(promptKey{}).(prompt)
	return p
}

// longest is the cost of the longest answer that the prompt may get, a credit
// a word: what is reserved.
func longest(r *http.Request) (int64, error) { return promptOf(r).MaxWords, nil }

// complete streams the model's answer, and reports each word before it goes
// out: whoever leaves in the middle pays for what was sent.
func complete(c echo.Context) error {
	p := promptOf(c.Request())
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	sent := int64(0)
	for word := range answer(p.Prompt) {
		if sent == p.MaxWords || c.Request().Context().Err() != nil {
			break
		}
		sent++
		if err := charge.SetCost(c.Request().Context(), sent); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", word); err != nil {
			return err
		}
		w.Flush()
	}
	return nil
}
