package lru

import (
	"math/rand/v2"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// tally is a counter for the hottest path: adding to one word from two cores
// costs more than all the rest of a hit.
type tally struct {
	stripes [8]struct {
		n atomic.Int64
		_ cpu.CacheLinePad
	}
}

func (t *tally) add(n int64) { t.stripes[rand.Uint32()%uint32(len(t.stripes))].n.Add(n) }

func (t *tally) sum() uint64 {
	var sum int64
	for i := range t.stripes {
		sum += t.stripes[i].n.Load()
	}
	return uint64(sum)
}
