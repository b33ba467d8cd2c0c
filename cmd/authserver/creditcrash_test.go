package main

import (
	"database/sql"
	"encoding/base64"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run is in docs/credits.md. The seed fixes what each worker asks for
// and between which requests the kills come; how the workers meet is the
// machine's doing.
var (
	creditOperations = flag.Int("credits.operations", 2000, "operations of TestCreditCrashes on each database")
	creditKills      = flag.Int("credits.kills", 3, "kill -9 among them")
	creditSeed       = flag.Uint64("credits.seed", 1, "what TestCreditCrashes does and when it kills")
)

const (
	creditUsers   = 200
	creditWorkers = 64
	creditKey     = "service key of the crash test, long"
)

// TestCreditCrashes lets services spend, refund, grant, reserve, commit and
// release on shared accounts, repeat what they sent, reuse keys for something
// else and let reservations expire, while the server is killed at random
// moments. What was acknowledged is in the ledger, once; nothing else is; and
// every account is the sum of its transactions.
func TestCreditCrashes(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		creditCrash(t, dir, database{driver: "sqlite", source: "file:" + filepath.Join(dir, "manacore.db") + "?_pragma=busy_timeout(20000)"},
			`INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('%[1]s', '%[1]s', '%[1]s', 0, 0)`)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := pgtest.New(t)
		creditCrash(t, t.TempDir(), database{driver: "pgx", source: url, schema: "auth."},
			`INSERT INTO auth.users (id, name, email) VALUES ('%[1]s', '%[1]s', '%[1]s')`,
			"DATABASE_URL="+url, "KEY_ENCRYPTION_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	})
}

func creditCrash(t *testing.T, dir string, d database, addUser string, env ...string) {
	env = append(env, "PORT=0", "RATE_LIMIT_DISABLED=true", "MANA_CORE_SERVICE_KEY="+creditKey, "MANA_CORE_SERVICE_KEY_OPERATIONS=use,refund,grant,reserve,commit,refund-reservation,balance,init,transactions,usage")
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	chance := rand.New(rand.NewPCG(*creditSeed, 0))
	server := &target{process: runQuietly(t, dir, env...)}
	server.process.call(wire.HealthPath, "", http.StatusOK, new(wire.Health)) // and so the tables are there
	for n := range creditUsers {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(addUser, creditUser(n))); err != nil {
			t.Fatal(err)
		}
	}
	var workers []*creditWorker
	for n := range creditWorkers {
		workers = append(workers, &creditWorker{
			T: t, target: server, name: fmt.Sprint("w", n), chance: rand.New(rand.NewPCG(*creditSeed, uint64(n+1))),
			left: *creditOperations / creditWorkers, rows: map[string]creditRow{}, maybe: map[string]bool{},
		})
	}
	kills := 0
	for ; ; kills++ {
		if kills > 0 {
			server.process = runQuietly(t, dir, env...)
		}
		fuse := 0
		if kills < *creditKills {
			fuse = 1 + chance.IntN(2**creditOperations / *creditKills)
		}
		killed := server.round(fuse, func(all *sync.WaitGroup) {
			for _, w := range workers {
				all.Go(w.work)
			}
		})
		if t.Failed() {
			return
		}
		if !killed {
			break
		}
		server.process.wait()
	}
	d.checkCredits(t, db, workers)
	t.Logf("%d answers, %d kills", server.answered, kills)
}

// runQuietly is run for a server that logs more than anyone wants to read.
func runQuietly(t *testing.T, dir string, env ...string) *process {
	p := run(t, dir, env...)
	go func() {
		for range p.lines { // to its end
		}
	}()
	return p
}

func creditUser(n int) string { return fmt.Sprintf("user-%03d", n) }

// creditRow is what a worker knows of a transaction.
type creditRow struct {
	user   string
	amount int64
}

// creditWorker is a service.
type creditWorker struct {
	*testing.T
	target *target
	name   string
	chance *rand.Rand
	left   int // operations still to do
	made   int

	rows  map[string]creditRow // acknowledged, by transaction id
	maybe map[string]bool      // descriptions of uses without a key that got no answer
	uses  []creditUse          // to refund
	held  []creditHold         // to commit or release
	doubt func() bool          // the request that got no answer
}

type creditUse struct {
	id, user, app string
	amount        int64
}

type creditHold struct {
	id, user, app string
	amount        int64
}

// work does operations until the server dies or there is no more to do. What
// got no answer is sent again first.
func (w *creditWorker) work() {
	for w.left > 0 || w.doubt != nil {
		request := w.doubt
		if request == nil {
			request = w.pick()
			w.left--
		}
		w.doubt = request
		if !request() || w.Failed() {
			return
		}
		w.doubt = nil
	}
}

// post sends a request. ok is false where it got no verdict.
func (w *creditWorker) post(operation, app string, body map[string]any, answer any) (status int, ok bool) {
	status, doc, ok := w.target.post(w.T, wire.InternalCreditsPath+"/"+operation, body,
		wire.ServiceKeyHeader, creditKey, wire.AppIDHeader, app)
	for ok && status == http.StatusServiceUnavailable { // as it asks for
		status, doc, ok = w.target.post(w.T, wire.InternalCreditsPath+"/"+operation, body,
			wire.ServiceKeyHeader, creditKey, wire.AppIDHeader, app)
	}
	if !ok {
		return 0, false
	}
	if status < 300 {
		if err := json.Unmarshal(doc, answer); err != nil {
			w.Errorf("%s: %v in %s", operation, err, doc)
		}
	}
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusPaymentRequired, http.StatusConflict, http.StatusUnprocessableEntity:
	default:
		w.Errorf("%s %v: %d %s", operation, body, status, doc)
	}
	return status, true
}

func (w *creditWorker) pick() func() bool {
	w.made++
	user, app := creditUser(w.chance.IntN(creditUsers)), []string{"chat", "picture", "zitare"}[w.chance.IntN(3)]
	id, amount := fmt.Sprintf("%s-%d", w.name, w.made), int64(1+w.chance.IntN(20))
	again, other := w.chance.IntN(5) == 0, w.chance.IntN(20) == 0
	switch n := w.chance.IntN(20); {
	case n < 7:
		return func() bool { return w.use(user, app, id, amount, again, other) }
	case n < 8:
		return func() bool { return w.useWithoutKey(user, app, id, amount) }
	case n < 11:
		amount += int64(w.chance.IntN(40))
		return func() bool { return w.grant(user, app, id, amount, again, other) }
	case n < 13 && len(w.uses) > 0:
		i := w.chance.IntN(len(w.uses))
		use := w.uses[i]
		w.uses[i] = w.uses[len(w.uses)-1]
		if w.chance.IntN(3) > 0 { // and otherwise perhaps once more
			w.uses = w.uses[:len(w.uses)-1]
		}
		amount = 1 + int64(w.chance.IntN(int(use.amount)+2)) // now and then too much
		if w.chance.IntN(3) == 0 {                           // of whatever the app took last
			use.id = ""
		}
		return func() bool { return w.refund(use, id, amount, again) }
	case n < 17 || len(w.held) == 0:
		lifetime := int64(1 + w.chance.IntN(3))
		return func() bool { return w.reserve(user, app, id, amount, lifetime, again, other) }
	default:
		i := len(w.held) - 1 // the newest, or the oldest, which has expired by now
		if w.chance.IntN(3) == 0 {
			i = 0
		}
		held := w.held[i]
		w.held = slices.Delete(w.held, i, i+1)
		part := 1 + int64(w.chance.IntN(int(held.amount)))
		release := w.chance.IntN(3) == 0
		return func() bool { return w.settle(held, part, release, again) }
	}
}

// moved notes what the answer to a request says was done, and that the answer
// to its repetition says the same.
func (w *creditWorker) moved(operation, app string, body map[string]any, again, other bool) (tr wire.CreditTransaction, status int, ok bool) {
	var first, second wire.CreditUseResponse
	if status, ok = w.post(operation, app, body, &first); !ok || status != http.StatusCreated {
		return tr, status, ok
	}
	tr = first.Transaction
	w.rows[tr.ID] = creditRow{tr.UserID, tr.Amount}
	if again {
		status, ok := w.post(operation, app, body, &second)
		if !ok {
			return tr, status, false
		}
		if status != http.StatusCreated || second.Transaction.ID != tr.ID || second.Message != wire.CreditReplayed || second.NewBalance != first.NewBalance {
			w.Errorf("%s %v again: %d %+v, not %+v", operation, body, status, second, first)
		}
	}
	if other {
		return tr, status, w.otherBody(operation, app, body)
	}
	return tr, status, true
}

// otherBody sends a key that is known with something else.
func (w *creditWorker) otherBody(operation, app string, body map[string]any) bool {
	changed := map[string]any{}
	maps.Copy(changed, body)
	changed["amount"] = body["amount"].(int64) + 1
	status, ok := w.post(operation, app, changed, new(struct{}))
	if ok && status != http.StatusUnprocessableEntity {
		w.Errorf("%s %v after %v: %d", operation, changed, body, status)
	}
	return ok
}

func (w *creditWorker) use(user, app, id string, amount int64, again, other bool) bool {
	tr, status, ok := w.moved("use", app, map[string]any{
		"userId": user, "amount": amount, "appId": app, "description": id, "idempotencyKey": id,
	}, again, other)
	if ok && status == http.StatusCreated {
		w.uses = append(w.uses, creditUse{tr.ID, user, app, amount})
	}
	return ok
}

// useWithoutKey is not sent again: nobody knows whether it got through.
func (w *creditWorker) useWithoutKey(user, app, id string, amount int64) bool {
	if w.maybe[id] {
		return true
	}
	w.maybe[id] = true
	_, _, ok := w.moved("use", app, map[string]any{"userId": user, "amount": amount, "appId": app, "description": id}, false, false)
	if ok {
		delete(w.maybe, id)
	}
	return ok
}

func (w *creditWorker) refund(use creditUse, id string, amount int64, again bool) bool {
	body := map[string]any{"userId": use.user, "amount": amount, "appId": use.app, "description": id, "idempotencyKey": id}
	if use.id != "" {
		body["transactionId"] = use.id
	}
	_, _, ok := w.moved("refund", use.app, body, again, false)
	return ok
}

func (w *creditWorker) grant(user, app, id string, amount int64, again, other bool) bool {
	body := map[string]any{"userId": user, "amount": amount, "reason": "test", "referenceId": id}
	var first, second wire.CreditGrantResponse
	if status, ok := w.post("grant", app, body, &first); !ok || status != http.StatusOK {
		return ok
	}
	w.rows[first.TransactionID] = creditRow{user, amount}
	if again {
		if status, ok := w.post("grant", app, body, &second); !ok {
			return false
		} else if status != http.StatusOK || second.TransactionID != first.TransactionID || !second.AlreadyGranted {
			w.Errorf("grant %v again: %d %+v, not %+v", body, status, second, first)
		}
	}
	return !other || w.otherBody("grant", app, body)
}

func (w *creditWorker) reserve(user, app, id string, amount, lifetime int64, again, other bool) bool {
	body := map[string]any{"userId": user, "amount": amount, "reason": id, "idempotencyKey": id, "expiresIn": lifetime}
	var first, second wire.CreditReserveResponse
	if status, ok := w.post("reserve", app, body, &first); !ok || status != http.StatusOK {
		return ok
	}
	if again {
		if status, ok := w.post("reserve", app, body, &second); !ok {
			return false
		} else if status != http.StatusOK || second != first {
			w.Errorf("reserve %v again: %d %+v, not %+v", body, status, second, first)
		}
	}
	if other && !w.otherBody("reserve", app, body) {
		return false
	}
	w.held = append(w.held, creditHold{first.ReservationID, user, app, amount})
	return true
}

// settle commits a part of a reservation, or releases it. 409 is right where
// it has expired; the ledger is held to that at the end.
func (w *creditWorker) settle(held creditHold, part int64, release, again bool) bool {
	if release {
		_, ok := w.post("refund-reservation", held.app, map[string]any{"reservationId": held.id}, new(wire.CreditReleaseResponse))
		return ok
	}
	body := map[string]any{"reservationId": held.id, "amount": part}
	var first, second wire.CreditCommitResponse
	if status, ok := w.post("commit", held.app, body, &first); !ok || status != http.StatusOK {
		return ok
	}
	w.rows[first.TransactionID] = creditRow{held.user, -part}
	if again {
		if status, ok := w.post("commit", held.app, body, &second); !ok {
			return false
		} else if status != http.StatusOK || second != first {
			w.Errorf("commit %v again: %d %+v, not %+v", body, status, second, first)
		}
	}
	return true
}
