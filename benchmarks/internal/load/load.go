// Package load sends HTTP requests over many connections to a server on this
// machine and costs as little as it can, so that what is measured is the
// server: a request is bytes made beforehand, an answer is read without a map
// of headers.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client is what one connection does. It gets the last answer, at first status
// 0, and returns the next request, or nil where it is done. The body is valid
// until it returns.
type Client func(status int, body []byte) (request []byte, err error)

// Result is how the requests went.
type Result struct {
	Elapsed   time.Duration
	Latencies []time.Duration // sorted, one a request
}

// Rate is in requests a second.
func (r Result) Rate() float64 { return float64(len(r.Latencies)) / r.Elapsed.Seconds() }

// Percentile is the latency that p of 100 requests did not exceed.
func (r Result) Percentile(p float64) time.Duration {
	return r.Latencies[min(int(p/100*float64(len(r.Latencies))), len(r.Latencies)-1)]
}

// Run lets every client work over a connection of its own to addr, all at
// once, until they are done.
func Run(addr string, clients []Client) (Result, error) {
	connections := make([]net.Conn, len(clients))
	for n := range connections {
		connection, err := net.Dial("tcp", addr)
		if err != nil {
			return Result{}, err
		}
		defer connection.Close()
		connections[n] = connection
	}
	var (
		all       sync.WaitGroup
		latencies = make([][]time.Duration, len(clients))
		errs      = make([]error, len(clients))
		start     = time.Now()
	)
	for n, client := range clients {
		all.Go(func() { latencies[n], errs[n] = work(connections[n], client) })
	}
	all.Wait()
	result := Result{Elapsed: time.Since(start), Latencies: slices.Concat(latencies...)}
	slices.Sort(result.Latencies)
	return result, errors.Join(errs...)
}

func work(connection net.Conn, client Client) (latencies []time.Duration, err error) {
	answers := bufio.NewReader(connection)
	var (
		status int
		body   []byte
	)
	for {
		request, err := client(status, body)
		if request == nil || err != nil {
			return latencies, err
		}
		start := time.Now()
		if _, err := connection.Write(request); err != nil {
			return latencies, err
		}
		if status, body, err = readAnswer(answers, body[:0]); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(start))
	}
}

// readAnswer reads an answer that says its Content-Length.
func readAnswer(r *bufio.Reader, body []byte) (status int, _ []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, nil, fmt.Errorf("load: no HTTP answer but %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	body = slices.Grow(body, length)[:length]
	_, err = io.ReadFull(r, body)
	return status, body, err
}

// Request makes the bytes of a request. Headers come as "Name: value".
func Request(method, path, body string, headers ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	for _, header := range headers {
		b.WriteString(header + "\r\n")
	}
	if body != "" || method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// Repeat makes clients that together send each of the requests in turn, until
// total are sent. An answer of another status is an error.
func Repeat(clients, total, status int, requests [][]byte) []Client {
	list := make([]Client, clients)
	for n := range list {
		next := n
		list[n] = func(got int, body []byte) ([]byte, error) {
			if next > n && got != status {
				return nil, fmt.Errorf("load: status %d, want %d: %.200s", got, status, body)
			}
			if next >= total {
				return nil, nil
			}
			request := requests[next%len(requests)]
			next += clients
			return request, nil
		}
	}
	return list
}
