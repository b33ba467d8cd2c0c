package main

import (
	"iter"
	"slices"
	"strings"
	"unicode"
)

// answer is a toy that stands for a language model: it turns the prompt's own
// words around, three times, a word at a time.
func answer(prompt string) iter.Seq[string] {
	words := strings.FieldsFunc(prompt, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	return func(yield func(string) bool) {
		for range 3 {
			for _, word := range slices.Backward(words) {
				if !yield(word) {
					return
				}
			}
		}
	}
}
