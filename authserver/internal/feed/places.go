package feed

import (
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/manacore/manacore-go/internal/subnet"
)

// ErrFull means that there is no place for another stream.
var ErrFull = errors.New("feed: every place is taken")

// Places says who may have a stream. Callers whom nobody knows have at most half
// of the places, so that they cannot shut out those who are known. Where their
// half is full, the youngest stream of the address that has the most gives way
// to a caller of an address that has fewer. It is safe for concurrent use.
type Places struct {
	most int

	mu        sync.Mutex
	taken     int
	strangers int
	byAddress map[netip.Prefix][]*Place // of strangers, the oldest first
}

// Place is one stream's.
type Place struct {
	address netip.Prefix // of a stranger
	known   bool
	gone    chan struct{}
}

// NewPlaces makes places for at most this many streams.
func NewPlaces(most int) *Places {
	return &Places{most: most, byAddress: map[netip.Prefix][]*Place{}}
}

// Gone is closed when the stream has to end, because another caller gets its
// place.
func (p *Place) Gone() <-chan struct{} { return p.gone }

// Take takes a place for a caller. The error is ErrFull.
func (p *Places) Take(caller netip.Addr, known bool) (*Place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place := &Place{known: known, gone: make(chan struct{})}
	if known {
		// The places that strangers leave free are for those who are known.
		if p.taken >= p.most {
			return nil, ErrFull
		}
		p.taken++
		return place, nil
	}
	place.address = subnet.Client(caller)
	if p.strangers >= p.most/2 || p.taken >= p.most {
		fullest := p.fullest()
		if len(p.byAddress[fullest]) <= len(p.byAddress[place.address])+1 {
			return nil, ErrFull
		}
		streams := p.byAddress[fullest]
		p.drop(streams[len(streams)-1])
	}
	p.taken++
	p.strangers++
	p.byAddress[place.address] = append(p.byAddress[place.address], place)
	return place, nil
}

// Leave gives a place back. A place that another caller got is left already.
func (p *Places) Leave(place *Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if place.known {
		p.taken--
		return
	}
	p.drop(place)
}

// drop takes a stranger's place away, if it still has it.
func (p *Places) drop(place *Place) {
	streams := p.byAddress[place.address]
	at := slices.Index(streams, place)
	if at < 0 {
		return
	}
	close(place.gone)
	p.taken--
	p.strangers--
	if len(streams) == 1 {
		delete(p.byAddress, place.address)
		return
	}
	p.byAddress[place.address] = slices.Delete(streams, at, at+1)
}

// fullest is the address of strangers that has the most streams.
func (p *Places) fullest() netip.Prefix {
	var fullest netip.Prefix
	most := 0
	for address, streams := range p.byAddress {
		if len(streams) > most {
			fullest, most = address, len(streams)
		}
	}
	return fullest
}
