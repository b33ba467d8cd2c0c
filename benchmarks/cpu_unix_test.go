//go:build unix

package benchmarks

import (
	"syscall"
	"testing"
)

// countCPU starts to count the CPU time of the process, the collector's work
// included, and returns what reports it as "cpu-ns/op". Unlike the time on the
// wall it stays the same when the machine has other work to do.
func countCPU(b *testing.B) (report func()) {
	start := cpuTime(b)
	return func() {
		b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
	}
}

// cpuTime is in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}
