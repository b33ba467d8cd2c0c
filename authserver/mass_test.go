package authserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./authserver -run 'O1Mass|O2Mass' -v -timeout 60m
// -mass.sessions 100000 -mass.turns 6 -mass.reservations 200000.
var (
	massSessions     = flag.Int("mass.sessions", 600, "how many sessions the user of TestO1MassEnd has")
	massTurns        = flag.Int("mass.turns", 0, "how often TestO1MassEnd measures what other users notice")
	massReservations = flag.Int("mass.reservations", 1000, "how many overdue reservations the user of TestO2MassOverdue has")
)

// pieces counts the sessions that are marked as ended.
type pieces struct {
	store.Store
	lock      *sync.Mutex
	most, all *int
}

func (p pieces) MarkEnded(ctx context.Context, user string, limit int) (int, error) {
	n, err := p.Store.MarkEnded(ctx, user, limit)
	p.lock.Lock()
	defer p.lock.Unlock()
	*p.most, *p.all = max(*p.most, n), *p.all+n
	return n, err
}

// mass is two servers on a database, and a user with very many rows.
type mass struct {
	*testing.T
	clock     Clock
	a, b      *harness
	most, all int // of the pieces
	made      int // transactions of crowd
}

func newMass(t *testing.T, clock Clock, database func(*Config)) *mass {
	m := &mass{T: t, clock: clock}
	counted := pieces{lock: new(sync.Mutex), most: &m.most, all: &m.all}
	for _, h := range []**harness{&m.a, &m.b} {
		*h = serverOver(t, func(db store.Store) store.Store {
			counted := counted
			counted.Store = db
			return counted
		}, database, withServiceKey, func(c *Config) { c.Clock, c.Sessions.MaxPerUser = clock, -1 })
	}
	return m
}

// crowd gives a user very many sessions.
func (m *mass) crowd(user string, sessions int) {
	m.Helper()
	now := m.clock.Now()
	for done := 0; done < sessions; {
		n := min(sessions-done, 1000)
		m.made++
		if err := m.a.server.store.Tx(m.Context(), func(tx store.Tx) error {
			for i := range n {
				id := fmt.Sprintf("mass-%s-%d-%d", user, m.made, i)
				if err := tx.AddSession(store.Session{
					ID: id, UserID: user, CreatedAt: now, LastActivityAt: now, ExpiresAt: now.Add(7 * day),
				}, sha256.Sum256([]byte(id))); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			m.Fatal(err)
		}
		done += n
	}
}

// unmarked counts the sessions of a user whose rows do not say that they ended.
func (m *mass) unmarked(user string, most int) (n int) {
	m.Helper()
	if err := m.a.server.store.Tx(m.Context(), func(tx store.Tx) error {
		list, err := tx.OldestSessions(user, most)
		n = len(list)
		return err
	}); err != nil {
		m.Fatal(err)
	}
	return n
}

// told counts the sessions that the feed of the second server knows.
func (m *mass) told() (n int) {
	b, _ := m.b.server.feed.Begin(m.clock.Now(), "")
	for _, event := range b.Events() {
		n += len(event.Sessions)
	}
	return n
}

// endings end all sessions of a user, but for the one that is kept where a
// password is changed.
var endings = []struct {
	name  string
	keeps bool
	end   func(m *mass, user string, with wire.TokenResponse)
}{
	{"disable", false, func(m *mass, user string, _ wire.TokenResponse) {
		if _, err := m.a.server.people.Disable(m.Context(), identity.Origin{At: m.clock.Now(), Operator: true}, user); err != nil {
			m.Fatal(err)
		}
	}},
	{"change of password", true, func(m *mass, _ string, with wire.TokenResponse) {
		decode[wire.SuccessResponse](m.T, m.a.as(with.AccessToken, "POST", wire.ChangePasswordPath,
			object{"currentPassword": goodPassword, "newPassword": "another good password"}), http.StatusOK)
	}},
	{"deletion", false, func(m *mass, _ string, with wire.TokenResponse) {
		decode[wire.SuccessResponse](m.T, m.a.as(with.AccessToken, "DELETE", wire.AccountPath, object{"password": goodPassword}), http.StatusOK)
	}},
}

// massDatabases are empty databases, each for two servers.
var massDatabases = map[string]func(t *testing.T) func(*Config){
	"SQLite": func(t *testing.T) func(*Config) {
		path := filepath.Join(t.TempDir(), "test.db")
		return func(c *Config) { c.Database.SQLitePath = path }
	},
	"PostgreSQL": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
}

// TestO1MassEnd: what ends very many sessions of a user has its effect with one
// short transaction, the other server knows all of them at its next poll, and the
// rows are marked afterwards, in small pieces.
func TestO1MassEnd(t *testing.T) {
	t.Parallel()
	for name, database := range massDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := clocktest.New(begin)
			m := newMass(t, clock, database(t))
			check := m.b.bystander()
			for i, ending := range endings {
				m.end(ending.name, i, clock.Advance)
				check()
			}
			if *massTurns > 0 {
				m = newMass(t, systemClock, database(t))
				m.turns()
			}
		})
	}
}

var systemClock = clock.System{}

// end ends a crowd of sessions and looks at what the transaction did, what the
// next poll of the other server does, and what is left to the workers.
func (m *mass) end(name string, which int, advance func(time.Duration)) {
	m.Helper()
	const atOnce = 200 // rows that a transaction marks
	ending := endings[which]
	user := fmt.Sprintf("user%d", which)
	id := m.a.register(user).ID
	sessions := []wire.TokenResponse{m.a.login(user), m.a.login(user), m.a.login(user)}
	m.crowd(id, *massSessions)
	all := *massSessions + 1 + len(sessions)
	for _, session := range sessions {
		m.b.valid(session.AccessToken, "")
	}
	advance(revocation.PollInterval)
	before, marked := m.told(), m.all
	kept := 0
	if ending.keeps {
		kept = 1
	}

	ending.end(m, id, sessions[0])
	if left := m.unmarked(id, all); left < all-atOnce-kept {
		m.Errorf("%s: %d of %d rows were marked in the transaction that ended the sessions", name, all-left, all)
	}
	advance(revocation.PollInterval)
	if n := m.told() - before; n != all-kept {
		m.Errorf("%s: after its next poll the other server knows %d of %d ended sessions", name, n, all-kept)
	}
	for i, session := range sessions {
		if i == 0 && ending.keeps {
			m.b.valid(session.AccessToken, "")
			continue
		}
		m.b.valid(session.AccessToken, ended)
		if a := m.b.refresh(session.RefreshToken); a.status != http.StatusUnauthorized {
			m.Errorf("%s: a refresh: %d %s", name, a.status, a.body)
		}
	}
	if m.all != marked {
		m.Errorf("%s: rows were marked before the workers came", name)
	}
	advance(markEvery)
	if left := m.unmarked(id, all); left != kept || m.most > atOnce || m.all-marked < all-atOnce-kept {
		m.Errorf("%s: %d rows are not marked; %d were, at most %d at once", name, left, m.all-marked, m.most)
	}
}

// turns measures what other users notice of a crowd that ends, in turns with
// nothing.
func (m *mass) turns() {
	for n := range 4 {
		m.a.register(fmt.Sprintf("other%d", n))
	}
	var ratios []float64
	for turn := range *massTurns {
		ending := endings[turn%len(endings)]
		user := fmt.Sprintf("turn%d", turn)
		id := m.a.register(user).ID
		sessions := []wire.TokenResponse{m.a.login(user), m.a.login(user)}
		m.crowd(id, *massSessions)
		m.b.valid(sessions[1].AccessToken, "")

		single := m.a.login("other0")
		m.b.valid(single.AccessToken, "")
		m.a.post(wire.LogoutPath, object{"refreshToken": single.RefreshToken})
		one := m.seen(single.AccessToken)

		var took, marking, all time.Duration
		with := m.others(func() {
			began := time.Now()
			ending.end(m, id, sessions[0])
			took = time.Since(began)
			all = m.seen(sessions[1].AccessToken)
			for users := 1; users > 0; {
				if err := m.a.server.people.MarkEnded(m.Context()); err != nil {
					m.Error(err)
				}
				list, err := m.a.server.store.EndedUsers(m.Context(), 1)
				if err != nil {
					m.Error(err)
				}
				users = len(list)
			}
			marking = time.Since(began) - took
		})
		without := m.others(func() { <-time.After(max(took+marking, time.Second)) })
		ratios = append(ratios, float64(percentile(with, 99))/float64(percentile(without, 99)))
		m.Logf("%s of %d sessions took %v, the other server knew after %v (one logout: %v), marking took %v; others: %d requests, p50 %v, p99 %v; without it: %d, p50 %v, p99 %v",
			ending.name, *massSessions, took, all, one, marking, len(with), percentile(with, 50), percentile(with, 99),
			len(without), percentile(without, 50), percentile(without, 99))
	}
	slices.Sort(ratios)
	m.Logf("p99 of others: %.2f × without, in the median of %d turns; at most %.2f", ratios[len(ratios)/2], len(ratios), ratios[len(ratios)-1])
}

// seen is how long it takes until the second server says that a session ended.
func (m *mass) seen(token string) time.Duration {
	began := time.Now()
	for m.b.verdict(token).Valid {
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(began)
}

// others has other users log in, refresh and look at their session, until during
// returns, and says how long their requests took, but for the hash of a password.
func (m *mass) others(during func()) (took []time.Duration) {
	var (
		clients sync.WaitGroup
		lock    sync.Mutex
		over    = make(chan struct{})
	)
	for n := range 4 {
		h := []*harness{m.a, m.b}[n%2]
		token := h.login(fmt.Sprintf("other%d", n)).RefreshToken
		clients.Go(func() {
			for {
				began := time.Now()
				tokens := h.refreshed(token)
				refreshed := time.Now()
				decode[wire.SessionResponse](h.T, h.as(tokens.AccessToken, "GET", wire.SessionPath, nil), http.StatusOK)
				token = tokens.RefreshToken
				lock.Lock()
				took = append(took, refreshed.Sub(began), time.Since(refreshed))
				lock.Unlock()
				select {
				case <-over:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	during()
	close(over)
	clients.Wait()
	slices.Sort(took)
	return took
}

// percentile is of a list in order.
func percentile(list []time.Duration, percent int) time.Duration {
	return list[(len(list)-1)*percent/100].Round(10 * time.Microsecond)
}

// TestO2MassOverdue: very many overdue reservations of one user keep no call from
// its answer. Each call settles a few of them, the account has at once what all of
// them hold, and the sweep settles the rest.
func TestO2MassOverdue(t *testing.T) {
	t.Parallel()
	for name, database := range massDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := clocktest.New(begin)
			m := newMass(t, clock, database(t))
			const atOnce = 100 // reservations that a call settles
			h, n := m.a, int64(*massReservations)
			user := h.register("ann").ID
			held := m.reserve(user, n)
			clock.Jump(time.Hour)
			open := func() int {
				return sort.Search(int(n)+1, func(rows int) bool {
					_, more, err := h.server.store.Ledger().Overdue(t.Context(), clock.Now(), rows+1)
					if err != nil {
						t.Fatal(err)
					}
					return !more
				})
			}
			left := open()
			if left < int(n) {
				t.Fatalf("%d of %d are overdue", left, n)
			}
			balance := wire.InternalCreditsPath + "/balance/" + user
			for _, call := range []struct {
				name   string
				status int
				send   func() answer
			}{
				{"balance", http.StatusOK, func() answer { return h.get(balance, asService(nil)...) }},
				{"use", http.StatusCreated, func() answer { return h.service("use", useBody(user, n+100)) }}, // more than it has without them
				{"reserve", http.StatusOK, func() answer {
					return h.service("reserve", object{"userId": user, "amount": 10, "reason": "words"})
				}},
				{"commit", http.StatusConflict, func() answer { return h.service("commit", object{"reservationId": held}) }},
				{"transactions", http.StatusOK, func() answer {
					return h.get(wire.InternalCreditsPath+"/transactions/"+user, asService(nil)...)
				}},
			} {
				began := time.Now()
				a := call.send()
				took := time.Since(began)
				if a.status != call.status {
					t.Errorf("%s: %d %s", call.name, a.status, a.body)
				}
				now := open()
				if settled := left - now; settled > atOnce {
					t.Errorf("%s settled %d reservations", call.name, settled)
				}
				t.Logf("%s of %d overdue: %v", call.name, left, took.Round(time.Millisecond))
				left = now
			}
			began := time.Now()
			clock.Advance(sweepEvery)
			for open() > 0 && t.Context().Err() == nil {
				clock.Advance(sweepEvery)
			}
			t.Logf("%d swept in %v", left, time.Since(began).Round(time.Millisecond))
			if got := decode[wire.CreditBalance](t, h.get(balance, asService(nil)...), http.StatusOK); got.TotalSpent != n+100 {
				t.Errorf("%+v", got)
			}
			if _, err := ledger.AuditAll(t.Context(), h.server.store.Ledger(), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// reserve makes reservations of one credit each, and returns the id of one.
func (m *mass) reserve(user string, n int64) (id string) {
	m.Helper()
	books := ledger.New(ledger.Config{
		Store: m.a.server.store.Ledger(), Policy: ledger.Policy{SignupBonus: 150, Daily: 5, DailyCap: 150}, Now: m.clock.Now,
		Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	})
	defer books.Close()
	do := func(op ledger.Op) ledger.Result {
		op.Source, op.UserID, op.AppID, op.Reason = ledger.FromService, user, "chat", "words"
		result, err := books.Do(m.Context(), op)
		if err != nil {
			m.Error(err)
		}
		return result
	}
	do(ledger.Op{Kind: ledger.Grant, Amount: n, Reference: "all of them"})
	id = do(ledger.Op{Kind: ledger.Reserve, Amount: 1, Lifetime: time.Minute}).Reservation.ID
	var clients sync.WaitGroup
	for client := range int64(100) {
		clients.Go(func() {
			for i := client + 1; i < n; i += 100 {
				do(ledger.Op{Kind: ledger.Reserve, Amount: 1, Lifetime: time.Minute})
			}
		})
	}
	clients.Wait()
	return id
}
