package main

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

const (
	// tablePage is how many rows of a table are held before they are printed.
	tablePage = 1000
	// columnGap is the space between two columns.
	columnGap = 2
)

// listing prints lines: a table for people, or a JSON value a line for programs.
// It holds one page of a table, however long that is. A column of a later page is
// at least as wide as it was before.
type listing struct {
	out    *bufio.Writer
	json   bool
	rows   [][]string // not printed yet
	widths []int      // of the columns, in characters
}

func newListing(out io.Writer, asJSON bool, heads ...string) *listing {
	l := &listing{out: bufio.NewWriter(out), json: asJSON}
	if !asJSON && len(heads) > 0 {
		l.rows = append(l.rows, heads)
	}
	return l
}

// add prints value, or the cells that show it, at the latest when the listing
// ends.
func (l *listing) add(value any, cells ...string) error {
	if l.json {
		if err := json.MarshalWrite(l.out, value); err != nil {
			return err
		}
		return l.out.WriteByte('\n')
	}
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	l.rows = append(l.rows, cells)
	if len(l.rows) < tablePage {
		return nil
	}
	return l.flush()
}

// flush prints what was added. Columns end two spaces behind their widest cell;
// the last cell of a row ends no column.
func (l *listing) flush() error {
	for _, row := range l.rows {
		for i, cell := range row[:max(len(row)-1, 0)] {
			if i == len(l.widths) {
				l.widths = append(l.widths, 0)
			}
			l.widths[i] = max(l.widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range l.rows {
		for i, cell := range row {
			_, _ = l.out.WriteString(cell) // a bufio.Writer keeps its error until Flush
			if i < len(row)-1 {
				_, _ = l.out.WriteString(strings.Repeat(" ", l.widths[i]-utf8.RuneCountInString(cell)+columnGap))
			}
		}
		_ = l.out.WriteByte('\n')
	}
	l.rows = l.rows[:0]
	return l.out.Flush()
}

// end prints what is left.
func (l *listing) end() error { return l.flush() }

// limitFlag is how commands that list bound the listing.
type limitFlag struct {
	Limit int `help:"At most so many." placeholder:"N"`
}

// Validate refuses a limit below zero.
func (f limitFlag) Validate() error {
	if f.Limit < 0 {
		return errors.New("--limit is at least 1; without it there is none")
	}
	return nil
}

// count is how many are listed at most.
func (f limitFlag) count() int { return cmp.Or(f.Limit, math.MaxInt) }

// printable replaces unprintable characters, so that text from users, such as a
// name or a User-Agent, cannot send escape sequences to the operator's terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}

// instant shows a time; the zero one is a dash.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}
