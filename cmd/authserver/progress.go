package main

import (
	"fmt"
	"io"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

// progressEvery is how often a long command says how far it is. One that is done
// sooner says nothing.
const progressEvery = 2 * time.Second

// progress says how far a command is, on standard error: what is on standard
// output is the same with it and without.
type progress struct {
	out   io.Writer
	now   func() time.Time
	part  string
	began time.Time // the part
	said  time.Time // the last line
}

func (p *program) progress() func(authserver.Progress) {
	return (&progress{out: p.errs, now: time.Now}).tell
}

func (p *progress) tell(at authserver.Progress) {
	now := p.now()
	if at.Part != p.part {
		p.part, p.began, p.said = at.Part, now, now
	}
	if now.Sub(p.said) < progressEvery {
		return
	}
	p.said = now
	took := now.Sub(p.began).Round(time.Second)
	switch {
	case at.Total == 0:
		fmt.Fprintf(p.out, "%s: %d %s in %v\n", at.Part, at.Done, at.Unit, took)
	case at.Done == 0:
		fmt.Fprintf(p.out, "%s: at work on %d %s for %v\n", at.Part, at.Total, at.Unit, took)
	default:
		fmt.Fprintf(p.out, "%s: %d of %d %s, %d %%, in %v\n", at.Part, at.Done, at.Total, at.Unit, 100*at.Done/at.Total, took)
	}
}
