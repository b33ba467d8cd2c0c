package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkProcess starts the static, stripped program on an existing SQLite
// file, again and again: medians of the time from exec to the first 200 and of
// the resident memory then, and the size of the program.
func BenchmarkProcess(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "authserver")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	startOnce(b, program) // makes the file
	var took []time.Duration
	var resident []float64
	for b.Loop() {
		t, r := startOnce(b, program)
		took, resident = append(took, t), append(resident, r)
	}
	slices.Sort(took)
	slices.Sort(resident)
	middle := len(took) / 2
	b.ReportMetric(float64(took[middle].Microseconds())/1000, "ms/start")
	b.ReportMetric(resident[middle], "MB-resident")
	b.ReportMetric(float64(info.Size())/1e6, "MB-program")
}

// startOnce starts the program and ends it when it has answered.
func startOnce(b *testing.B, program string) (took time.Duration, resident float64) {
	b.Helper()
	command := exec.CommandContext(b.Context(), program)
	command.Dir, command.Env = filepath.Dir(program), []string{"PORT=0"}
	log, err := command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(log).ReadString('\n')
	_, addr, ok := strings.Cut(strings.TrimSpace(line), " addr=")
	if err != nil || !ok {
		b.Fatalf("%q, %v", line, err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(must(http.NewRequestWithContext(b.Context(), "GET", "http://"+addr+"/health", nil)))
	if err != nil {
		b.Fatal(err)
	}
	took = time.Since(began)
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("status %d, %v", response.StatusCode, err)
	}
	resident = residentMB(b, command.Process.Pid)
	if err := command.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		b.Fatal(err)
	}
	return took, resident
}

func must(request *http.Request, err error) *http.Request {
	if err != nil {
		panic(err)
	}
	return request
}

// residentMB is 0 where there is no /proc.
func residentMB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kB float64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.Fatal(err)
	}
	return kB * 1024 / 1e6
}
