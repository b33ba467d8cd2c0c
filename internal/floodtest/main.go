// Command floodtest floods an auth server with wrong passwords and measures what
// everybody else notices. It starts the server itself, on a database of its own:
//
//	go run ./internal/floodtest -for 60s -turns 10 -addresses 1000
//
// A flood takes turns with a control, which is the same number of requests to a
// route that does not exist. Its table belongs in docs/security.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"time"
)

// plan is what is tried.
type plan struct {
	binary                    string
	turns, workers, addresses int
	each                      time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// command reads the command line and does what it says.
func command(ctx context.Context, out io.Writer) error {
	var (
		p        plan
		generate = flag.String("generate", "", "send requests to this URL; for the program itself")
		path     = flag.String("path", "", "the path of the requests of -generate")
	)
	flag.StringVar(&p.binary, "server", "", "the program to flood; empty: cmd/authserver of this module is built")
	flag.IntVar(&p.turns, "turns", 10, "how often flood and control take turns")
	flag.IntVar(&p.workers, "workers", 500, "wrong passwords at once")
	flag.IntVar(&p.addresses, "addresses", 1, "addresses that they come from")
	flag.DurationVar(&p.each, "for", 60*time.Second, "how long each turn is")
	flag.Parse()
	if *generate != "" {
		return send(ctx, *generate+*path, p)
	}
	return p.run(ctx, out)
}

// run floods and prints the table.
func (p plan) run(ctx context.Context, out io.Writer) (err error) {
	s, err := startServer(ctx, p.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	token, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	var flood, control figures
	for range p.turns {
		for _, turn := range []struct {
			path string
			into *figures
		}{{loginPath, &flood}, {nowherePath, &control}} {
			if err := p.turn(ctx, s, token, turn.path, turn.into); err != nil {
				return err
			}
		}
	}
	wait := s.newDevice(ctx)
	hashed, err := s.hashed(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `| %d at once from %d addresses, %d turns of %v | flood | control |
|--|--|--|
| p99 of /validate, median of the turns | %v | %v |
| p99 of /health, median of the turns | %v | %v |
| logins on the known device | %d of %d | %d of %d |
| a login on a new device, after the end | %v | |
| passwords hashed | %s | |
| largest RSS | %s | |
`, p.workers, p.addresses, p.turns, p.each, median(flood.validate), median(control.validate), median(flood.health), median(control.health),
		flood.in, flood.tried, control.in, control.tried, wait, hashed, s.rss())
	return err
}

// figures are what everybody else noticed, a value for each turn.
type figures struct {
	validate, health []time.Duration // p99
	in, tried        int
}

// turn has a process of its own send requests at low priority, and measures.
func (p plan) turn(ctx context.Context, s *server, token, path string, into *figures) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	whole := ctx // a login that has begun is waited for
	ctx, cancel := context.WithTimeout(ctx, p.each)
	defer cancel()
	//nolint:gosec // the program is this one
	generator := exec.CommandContext(ctx, "nice", "-n", "19", self, "-generate", s.url, "-path", path, "-for", p.each.String(),
		"-workers", strconv.Itoa(p.workers), "-addresses", strconv.Itoa(p.addresses))
	generator.Stderr = os.Stderr
	if err := generator.Start(); err != nil {
		return err
	}
	var validate, health []time.Duration
	logins := time.NewTicker(max(p.each/2-time.Second, time.Second))
	defer logins.Stop()
	for ctx.Err() == nil {
		validate = append(validate, s.timed(ctx, s.validate(token)))
		health = append(health, s.timed(ctx, s.health()))
		select {
		case <-logins.C:
			into.tried++
			if s.login(whole, knownAddress) == nil {
				into.in++
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
	_ = generator.Wait() // it was ended
	into.validate, into.health = append(into.validate, p99(validate)), append(into.health, p99(health))
	return nil
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100].Round(10 * time.Microsecond)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
