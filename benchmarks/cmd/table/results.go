package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// results are the passes over all benchmarks.
type results struct {
	names  []string // in the order they ran
	passes []map[string]measure
}

// measure is one benchmark in one pass, per operation.
type measure struct {
	ns       float64 // of CPU time where it is reported, otherwise on the wall
	allocs   float64
	accepted bool
}

// add reads the output of one pass.
func (r *results) add(out []byte) error {
	pass := map[string]measure{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at >= 0 {
			if _, err := strconv.Atoi(name[at+1:]); err == nil {
				name = name[:at] // GOMAXPROCS
			}
		}
		m, err := readMeasure(fields[2:])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !slices.Contains(r.names, name) {
			r.names = append(r.names, name)
		}
		pass[name] = m
	}
	if len(pass) != len(r.names) || len(pass) == 0 {
		return fmt.Errorf("%d of %d benchmarks ran", len(pass), len(r.names))
	}
	r.passes = append(r.passes, pass)
	return lines.Err()
}

// readMeasure reads pairs of a value and a unit.
func readMeasure(fields []string) (m measure, err error) {
	var cpu float64
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) < 2 {
			return m, errors.New("a value without a unit")
		}
		value, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			return m, err
		}
		switch pair[1] {
		case "cpu-ns/op":
			cpu = value
		case "ns/op":
			m.ns = value
		case "allocs/op":
			m.allocs = value
		case "accepted":
			m.accepted = true
		}
	}
	m.ns = cmp.Or(cpu, m.ns)
	return m, nil
}

// median is the median over the passes of what value makes of each.
func (r *results) median(value func(pass map[string]measure) float64) float64 {
	values := make([]float64, len(r.passes))
	for i, pass := range r.passes {
		values[i] = value(pass)
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 0 {
		return (values[mid-1] + values[mid]) / 2
	}
	return values[mid]
}

func (r *results) ns(name string) float64 {
	return r.median(func(pass map[string]measure) float64 { return pass[name].ns })
}

// ratio is how many times as long name took as base, in the same pass.
func (r *results) ratio(name, base string) float64 {
	return r.median(func(pass map[string]measure) float64 { return pass[name].ns / pass[base].ns })
}

// over is what name takes more than base, in the same pass.
func (r *results) over(name, base string) float64 {
	return r.median(func(pass map[string]measure) float64 { return pass[name].ns - pass[base].ns })
}

func (r *results) allocs(name string) float64 {
	return r.median(func(pass map[string]measure) float64 { return pass[name].allocs })
}
