package postgres

import (
	"fmt"
	"net/url"
)

// prismas are parameters that Prisma has added to the URLs of a database, and
// that PostgreSQL refuses.
var prismas = []string{"schema", "connection_limit", "pool_timeout", "socket_timeout", "pgbouncer", "statement_cache_size", "sslaccept", "sslidentity"}

// checkForeign names a parameter of a URL that is for another program. The
// refusal of PostgreSQL, or of a pooler before it, does not say what to do.
func checkForeign(u *url.URL) error {
	query := u.Query()
	for _, name := range prismas {
		if !query.Has(name) {
			continue
		}
		advice := "remove it"
		if name == "schema" {
			advice += "; the tables are in the schema auth, whatever the URL says"
		}
		return fmt.Errorf("DATABASE_URL has the parameter %s, which Prisma knows and PostgreSQL does not: %s", name, advice)
	}
	return nil
}
