package keys

// Held returns the key of this kid where the set has it and may verify, else
// nil. It never fetches.
func (s *Source) Held(kid string) *Key {
	if key := s.set.Load().key(kid); key != nil && s.Serving(s.cfg.Clock.Now()) {
		return key
	}
	return nil
}
