package client

import "time"

// remembered returns what is known of a token and still holds, or nil.
func (c *Client) remembered(text string) (v *verdict, now time.Time) {
	now = c.config.Clock.Now()
	if c.verified != nil {
		v := c.verified.Get(text)
		if v != nil && !v.holds(now) {
			c.verified.Drop(text)
			v = nil
		}
		if trace := c.config.Trace; trace != nil && trace.CacheLookup != nil {
			trace.CacheLookup(v != nil)
		}
		if v != nil {
			return v, now
		}
	}
	if c.refused != nil {
		if v := c.refused.Get(text); v != nil && v.holds(now) {
			return v, now
		}
	}
	return nil, now
}

// holds tells whether a verdict may be given again: not outside its time, also
// where the clock was set back, and not once its key is gone or its key set
// may no longer serve.
func (v *verdict) holds(now time.Time) bool {
	if now.Before(v.since) || !now.Before(v.until) {
		return false
	}
	return v.key == nil || !v.key.Retired() && v.source.Serving(now)
}

// remember keeps the verdict on a verified token until its exp or the TTL ends,
// whichever comes first.
func (c *Client) remember(text string, v verdict) {
	if c.verified == nil {
		return
	}
	if ttl := c.config.Cache.TTL; ttl > 0 {
		v.until = earlier(v.until, v.since.Add(ttl))
	}
	c.verified.Add(text, v)
}

// refuse keeps the auth server's no.
func (c *Client) refuse(text string, err error, now time.Time) {
	if c.refused != nil {
		c.refused.Add(text, verdict{err: err, since: now, until: now.Add(c.config.Cache.NegativeTTL)})
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
