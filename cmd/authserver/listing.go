package main

import (
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
)

// listing prints lines: a table for people, or a JSON value a line for programs.
type listing struct {
	out   io.Writer
	table *tabwriter.Writer // nil: JSON
}

func newListing(out io.Writer, asJSON bool, heads ...string) *listing {
	l := &listing{out: out}
	if !asJSON {
		l.table = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		if len(heads) > 0 {
			_ = l.row(heads) // a tabwriter keeps its errors until Flush
		}
	}
	return l
}

// add prints value, or the cells that show it.
func (l *listing) add(value any, cells ...string) error {
	if l.table != nil {
		return l.row(cells)
	}
	if err := json.MarshalWrite(l.out, value); err != nil {
		return err
	}
	_, err := io.WriteString(l.out, "\n")
	return err
}

func (l *listing) row(cells []string) error {
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	_, err := io.WriteString(l.table, strings.Join(cells, "\t")+"\n")
	return err
}

func (l *listing) end() error {
	if l.table == nil {
		return nil
	}
	return l.table.Flush()
}

// printable takes the power over the operator's terminal from what strangers
// wrote, such as a name or a User-Agent.
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
