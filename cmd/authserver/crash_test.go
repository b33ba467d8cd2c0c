package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run:
//
//	go test ./cmd/authserver -run TestCrashes -v -crash.operations 10000 -crash.kills 100
var (
	crashOperations = flag.Int("crash.operations", 240, "operations of TestCrashes on each database")
	crashKills      = flag.Int("crash.kills", 4, "kill -9 among them")
	crashSeed       = flag.Uint64("crash.seed", 1, "what TestCrashes does and when it kills")
)

const crashWorkers = 8

// TestCrashes lets clients register, log in, refresh and log out while the
// server is killed at random moments. After each restart the database must
// hold what was acknowledged, must not hold what was not asked for, and every
// dead token must be refused.
func TestCrashes(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		crash(t, dir, database{driver: "sqlite", source: "file:" + filepath.Join(dir, "manacore.db") + "?_pragma=busy_timeout(5000)"})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := pgtest.New(t)
		crash(t, t.TempDir(), database{driver: "pgx", source: url, schema: "auth."}, onPostgres(url)...)
	})
}

func crash(t *testing.T, dir string, db database, env ...string) {
	env = append(env, "PORT=0", "RATE_LIMIT_DISABLED=true")
	chance := rand.New(rand.NewPCG(*crashSeed, 0))
	target := &target{}
	var workers []*crashWorker
	for n := range crashWorkers {
		workers = append(workers, &crashWorker{
			T: t, target: target, name: fmt.Sprint("w", n), chance: rand.New(rand.NewPCG(*crashSeed, uint64(n+1))),
			left: *crashOperations / crashWorkers,
		})
	}
	for kills := 0; ; kills++ {
		target.process = run(t, dir, env...)
		if kills > 0 {
			db.check(t, target, workers)
		}
		fuse := 0
		if kills < *crashKills {
			fuse = 1 + chance.IntN(2**crashOperations / *crashKills)
		}
		killed := target.round(fuse, func(all *sync.WaitGroup) {
			for _, w := range workers {
				all.Go(w.work)
			}
		})
		if t.Failed() {
			return
		}
		if !killed {
			db.check(t, target, workers)
			t.Logf("%d operations, %d kills", target.answered, kills)
			return
		}
		target.process.wait()
	}
}

// target is the server that is killed and started again.
type target struct {
	process *process

	mu       sync.Mutex
	fuse     int // requests until the kill; 0: none
	gone     bool
	answered int
}

// round lets workers work until they are done or the server is killed, which
// comes after fuse requests; 0: never. The kill comes between two requests of
// one worker and so, more often than not, within one of another.
func (s *target) round(fuse int, start func(all *sync.WaitGroup)) (killed bool) {
	s.mu.Lock()
	s.fuse = fuse
	s.mu.Unlock()
	var all sync.WaitGroup
	start(&all)
	all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	killed, s.gone = s.gone, false
	return killed
}

// post sends a request. ok is false where the server died before it answered.
// Headers come in pairs of name and value.
func (s *target) post(t *testing.T, path string, body any, headers ...string) (status int, answer []byte, ok bool) {
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return 0, nil, false
	}
	if s.fuse > 0 {
		if s.fuse--; s.fuse == 0 {
			s.gone = true
			if err := s.process.command.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	s.mu.Unlock()
	doc, err := json.Marshal(body)
	if err != nil {
		t.Error(err)
		return 0, nil, false
	}
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.process.url+path, bytes.NewReader(doc))
	if err != nil {
		t.Error(err)
		return 0, nil, false
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.process.client.Do(request)
	if err == nil {
		answer, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if !s.gone {
			t.Errorf("%s: %v, without a kill", path, err)
		}
		return 0, nil, false
	}
	s.answered++
	return response.StatusCode, answer, true
}

// crashWorker is a client with users of its own.
type crashWorker struct {
	*testing.T
	target   *target
	name     string
	chance   *rand.Rand
	left     int // operations still to do
	users    []string
	sessions []*crashSession
	strays   int    // sessions that an unanswered request may have opened
	doubt    func() // the operation that got no answer
}

// crashSession is what a client knows of one of its logins.
type crashSession struct {
	access, refresh string
	dead            bool
	unanswered      string // "refresh" or "logout", sent without an answer
}

// work does operations until the server dies or there is no more to do. What
// got no answer is asked again first, as a client does.
func (w *crashWorker) work() {
	for w.left > 0 || w.doubt != nil {
		again := w.doubt
		if again == nil {
			again = w.pick()
			w.left--
		}
		w.doubt = again
		again()
		if w.Failed() || w.doubt != nil {
			return
		}
	}
}

// pick chooses an operation: cheap ones more often than those that hash.
func (w *crashWorker) pick() func() {
	var alive []*crashSession
	for _, s := range w.sessions {
		if !s.dead {
			alive = append(alive, s)
		}
	}
	switch n := w.chance.IntN(20); {
	case len(w.users) == 0 || n == 0:
		email := fmt.Sprintf("%s-%d@example.com", w.name, len(w.users))
		again := false
		return func() { w.register(email, again); again = true }
	case len(alive) == 0 || n == 1:
		email := w.users[w.chance.IntN(len(w.users))]
		return func() { w.login(email) }
	case n < 6:
		s := alive[w.chance.IntN(len(alive))]
		return func() { w.logout(s) }
	default:
		s := alive[w.chance.IntN(len(alive))]
		return func() { w.refresh(s) }
	}
}

const crashPassword = "correct horse battery"

// register knows by again that an earlier request may have got through.
func (w *crashWorker) register(email string, again bool) {
	status, answer, ok := w.target.post(w.T, wire.RegisterPath, map[string]string{"email": email, "password": crashPassword, "name": "Ann"})
	switch {
	case !ok:
		if !again {
			w.strays++
		}
	case status == http.StatusCreated:
		var registered wire.RegisterResponse
		w.decode(answer, &registered)
		w.users = append(w.users, email)
		w.sessions = append(w.sessions, &crashSession{refresh: registered.Token})
		w.doubt = nil
	case status == http.StatusConflict && again: // the answer alone was lost
		w.users = append(w.users, email)
		w.doubt = nil
	default:
		w.Errorf("register: %d %s", status, answer)
	}
}

func (w *crashWorker) login(email string) {
	status, answer, ok := w.target.post(w.T, wire.LoginPath, map[string]string{"email": email, "password": crashPassword})
	switch {
	case !ok:
		w.strays++
	case status == http.StatusOK:
		s := &crashSession{}
		w.take(answer, s)
		w.sessions = append(w.sessions, s)
		w.doubt = nil
	default:
		w.Errorf("login of a registered user: %d %s", status, answer)
	}
}

func (w *crashWorker) refresh(s *crashSession) {
	s.unanswered = "refresh"
	status, answer, ok := w.target.post(w.T, wire.RefreshPath, map[string]string{"refreshToken": s.refresh})
	switch {
	case !ok:
	case status == http.StatusOK:
		w.take(answer, s)
		s.unanswered, w.doubt = "", nil
	default:
		w.Errorf("refresh with the newest token: %d %s", status, answer)
	}
}

func (w *crashWorker) logout(s *crashSession) {
	s.unanswered = "logout"
	status, answer, ok := w.target.post(w.T, wire.LogoutPath, map[string]string{"refreshToken": s.refresh})
	switch {
	case !ok:
	case status == http.StatusOK:
		s.dead, s.unanswered, w.doubt = true, "", nil
	default:
		w.Errorf("logout: %d %s", status, answer)
	}
}

func (w *crashWorker) take(answer []byte, s *crashSession) {
	var tokens wire.TokenResponse
	w.decode(answer, &tokens)
	s.access, s.refresh = tokens.AccessToken, tokens.RefreshToken
}

func (w *crashWorker) decode(answer []byte, v any) {
	if err := json.Unmarshal(answer, v); err != nil {
		w.Errorf("%v in %s", err, answer)
	}
}

// database is where the server keeps its data, looked at from outside.
type database struct{ driver, source, schema string }

type tokenRow struct {
	session        string
	spent          bool
	successor      string
	sessionRevoked bool
}

// check holds the database and the server's verdicts to what the workers know.
func (d database) check(t *testing.T, target *target, workers []*crashWorker) {
	t.Helper()
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d.noOrphans(t, db)
	tokens := d.tokens(t, db)
	live, expected := 0, 0
	for hash, row := range tokens {
		if !row.spent && !row.sessionRevoked {
			live++
		}
		if _, ok := tokens[row.successor]; row.spent && !ok {
			t.Errorf("token %x has no successor", hash)
		}
	}
	for _, w := range workers {
		expected += w.strays
		for _, s := range w.sessions {
			row, ok := tokens[digest(s.refresh)]
			switch {
			case !ok:
				t.Errorf("%s: an acknowledged refresh token is gone", w.name)
			case s.dead && !row.sessionRevoked:
				t.Errorf("%s: an acknowledged logout is lost", w.name)
			case !s.dead && row.sessionRevoked && s.unanswered != "logout":
				t.Errorf("%s: a session ended that nobody logged out", w.name)
			case !s.dead && row.spent && (s.unanswered != "refresh" || tokens[row.successor].spent):
				t.Errorf("%s: the newest refresh token is spent", w.name)
			}
			if !s.dead {
				expected++
			}
			if s.access == "" || s.unanswered == "logout" {
				continue
			}
			var verdict wire.ValidateResponse
			target.process.call(wire.ValidatePath, `{"token":"`+s.access+`"}`, http.StatusOK, &verdict)
			if verdict.Valid == s.dead {
				t.Errorf("%s: dead %v, and its access token valid %v", w.name, s.dead, verdict.Valid)
			}
		}
	}
	if live > expected {
		t.Errorf("%d live sessions; the clients opened at most %d", live, expected)
	}
}

func digest(refresh string) string {
	sum := sha256.Sum256([]byte(refresh))
	return string(sum[:])
}

func (d database) tokens(t *testing.T, db *sql.DB) map[string]tokenRow {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT t.hash, t.session_id, t.spent_at IS NOT NULL, t.successor_hash, s.revoked_at IS NOT NULL
		FROM `+d.schema+`refresh_tokens t JOIN `+d.schema+`sessions s ON s.id = t.session_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tokens := map[string]tokenRow{}
	for rows.Next() {
		var (
			row             tokenRow
			hash, successor []byte
		)
		if err := rows.Scan(&hash, &row.session, &row.spent, &successor, &row.sessionRevoked); err != nil {
			t.Fatal(err)
		}
		row.successor = string(successor)
		tokens[string(hash)] = row
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return tokens
}

// noOrphans counts rows that no whole operation leaves behind.
func (d database) noOrphans(t *testing.T, db *sql.DB) {
	t.Helper()
	for name, query := range map[string]string{
		"user without a password":           `SELECT count(*) FROM %[1]susers u WHERE NOT EXISTS (SELECT 1 FROM %[1]saccounts a WHERE a.user_id = u.id)`,
		"password without a user":           `SELECT count(*) FROM %[1]saccounts a WHERE NOT EXISTS (SELECT 1 FROM %[1]susers u WHERE u.id = a.user_id)`,
		"session without a user":            `SELECT count(*) FROM %[1]ssessions s WHERE NOT EXISTS (SELECT 1 FROM %[1]susers u WHERE u.id = s.user_id)`,
		"session without one unspent token": `SELECT count(*) FROM %[1]ssessions s WHERE (SELECT count(*) FROM %[1]srefresh_tokens t WHERE t.session_id = s.id AND t.spent_at IS NULL) <> 1`,
		"token without a session":           `SELECT count(*) FROM %[1]srefresh_tokens t WHERE NOT EXISTS (SELECT 1 FROM %[1]ssessions s WHERE s.id = t.session_id)`,
		"user without a session":            `SELECT count(*) FROM %[1]susers u WHERE NOT EXISTS (SELECT 1 FROM %[1]ssessions s WHERE s.user_id = u.id)`,
	} {
		var n int
		err := db.QueryRowContext(t.Context(), fmt.Sprintf(query, d.schema)).Scan(&n)
		if err != nil || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}
