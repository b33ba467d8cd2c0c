package identity

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// event is an entry for the security log.
type event struct {
	kind string // one of the types of store.Event
	// user is the user that it is about. Empty means the user of the sessions
	// that end; where no session ends, nothing is recorded.
	user string
	more []string // pairs of a name and a value
}

// record adds an event to the security log.
func (c *change) record(e event) error {
	pairs := e.more
	if c.origin.Operator {
		pairs = append([]string{"by", "operator"}, pairs...)
	}
	c.events = append(c.events, e.kind)
	return c.tx.AddEvent(store.Event{
		UserID:    e.user,
		Type:      e.kind,
		IPAddress: c.origin.address(),
		UserAgent: c.origin.Agent,
		Metadata:  metadata(pairs),
		CreatedAt: c.origin.At,
	})
}

// metadata makes a JSON object of pairs of a name and a value. It is nil
// without pairs.
func metadata(pairs []string) jsontext.Value {
	if len(pairs) == 0 {
		return nil
	}
	doc := jsontext.Value("{")
	for i, text := range pairs {
		// Every string can be quoted. The error only reports invalid UTF-8,
		// which AppendQuote replaces.
		doc, _ = jsontext.AppendQuote(doc, text)
		switch {
		case i%2 == 0:
			doc = append(doc, ':')
		case i < len(pairs)-1:
			doc = append(doc, ',')
		}
	}
	return append(doc, '}')
}
