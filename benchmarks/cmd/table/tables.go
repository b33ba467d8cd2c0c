package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

// raw and bare are what the others are measured against.
const (
	raw  = "Verify/crypto/ed25519"
	bare = "bare"
)

// labels explain the rows that do not speak for themselves.
var labels = map[string]string{
	"crypto/ed25519":   "`crypto/ed25519` alone",
	"manacore":         "**manacore-go**",
	"manacore,cold":    "**manacore-go**, no cache",
	"manacore,filling": "**manacore-go**, token never seen",
	"manacore,hot":     "**manacore-go**, one token again",
	"manacore,10000":   "**manacore-go**, 10 000 tokens in turn",
	"manacore,64":      "**manacore-go**, one token, 64 goroutines (wall time)",
	"auth0":            "auth0/go-jwt-middleware",
}

func label(name string) string {
	if l, ok := labels[name]; ok {
		return l
	}
	return name
}

func (r *results) write(w io.Writer, peers []version) error {
	var b strings.Builder
	r.conditions(&b)
	r.verifyTable(&b)
	r.refuseTable(&b)
	r.guardTable(&b)
	versionTable(&b, peers)
	_, err := io.WriteString(w, b.String())
	return err
}

// conditions tell how far the numbers can be trusted: on an idle machine the
// raw signature check takes the same time in every pass.
func (r *results) conditions(b *strings.Builder) {
	least, most := r.passes[0][raw].ns, r.passes[0][raw].ns
	for _, pass := range r.passes {
		least, most = min(least, pass[raw].ns), max(most, pass[raw].ns)
	}
	fmt.Fprintf(b, "%s %s/%s, %d cores. CPU time; medians of %d passes, in which Ed25519 alone took from %s to %s.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), len(r.passes), duration(least), duration(most))
}

func (r *results) verifyTable(b *strings.Builder) {
	b.WriteString("\n| verifier | time | × Ed25519 | allocations |\n| --- | ---: | ---: | ---: |\n")
	for _, name := range r.of("Verify/") {
		fmt.Fprintf(b, "| %s | %s | %s | %.0f |\n",
			label(strings.TrimPrefix(name, "Verify/")), duration(r.ns(name)), ratio(r.ratio(name, raw)), r.allocs(name))
	}
}

func (r *results) refuseTable(b *strings.Builder) {
	var cases, verifiers []string
	for _, name := range r.of("Refuse/") {
		c, v, _ := strings.Cut(strings.TrimPrefix(name, "Refuse/"), "/")
		if !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
		if !slices.Contains(verifiers, v) {
			verifiers = append(verifiers, v)
		}
	}
	fmt.Fprintf(b, "\n| verifier | %s |\n| --- |%s\n", strings.Join(cases, " | "), strings.Repeat(" ---: |", len(cases)))
	for _, v := range verifiers {
		fmt.Fprintf(b, "| %s |", label(v))
		for _, c := range cases {
			name := "Refuse/" + c + "/" + v
			fmt.Fprintf(b, " %s", duration(r.ns(name)))
			if r.passes[0][name].accepted {
				b.WriteString(", accepted")
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
}

func (r *results) guardTable(b *strings.Builder) {
	b.WriteString("\n| framework | guard | time over the bare handler | allocations over it | × manacore-go |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: |\n")
	for _, name := range r.of("Guard/") {
		framework, guard, _ := strings.Cut(strings.TrimPrefix(name, "Guard/"), "/")
		if guard == bare {
			continue
		}
		base, ours := "Guard/"+framework+"/"+bare, "Guard/"+framework+"/manacore"
		fmt.Fprintf(b, "| %s | %s | %s | %.0f | %s |\n", framework, label(guard),
			duration(r.over(name, base)), r.allocs(name)-r.allocs(base), ratio(r.over(name, base)/r.over(ours, base)))
	}
}

// of are the benchmarks of a group.
func (r *results) of(group string) []string {
	return slices.DeleteFunc(slices.Clone(r.names), func(name string) bool { return !strings.HasPrefix(name, group) })
}

func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e5:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	case ns < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
}

func ratio(x float64) string {
	switch {
	case x < 0.1:
		return fmt.Sprintf("%.4f", x)
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.0f", x)
	}
}
