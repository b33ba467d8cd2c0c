package env

import "slices"

// AuthURL is the base URL of the auth server: MANA_AUTH_URL, or
// MANA_CORE_AUTH_URL as it was called before 2026. "" where neither is set,
// which with NODE_ENV=production is wrong: what stands in for an unset URL is
// the auth server of a developer's machine.
func (r *Reader) AuthURL() string {
	url := r.String("MANA_AUTH_URL", "MANA_CORE_AUTH_URL")
	if url == "" && r.String("NODE_ENV") == "production" {
		r.rejectf("MANA_AUTH_URL is not set and NODE_ENV is production: set MANA_AUTH_URL to the base URL of the auth server, such as https://auth.example.com")
	}
	return url
}

// PlaintextVariable names the variable of PlaintextHosts to set.
const PlaintextVariable = "MANA_AUTH_PLAINTEXT_HOSTS"

// PlaintextHosts are the hosts that may be called over plain http: those of
// MANA_AUTH_PLAINTEXT_HOSTS and of MANA_CREDITS_PLAINTEXT_HOSTS, since a network
// that nobody else listens to is as safe for tokens and key sets as for service
// keys. They are sorted.
func (r *Reader) PlaintextHosts() []string {
	hosts := slices.Concat(r.List(PlaintextVariable), r.List("MANA_CREDITS_PLAINTEXT_HOSTS"))
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
