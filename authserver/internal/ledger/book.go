package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Book holds in memory what a batch of operations needs and changes.
type Book struct {
	policy Policy
	now    time.Time
	makeID func() (string, error)
	broken error // why an id could not be made

	active       map[string]bool
	held         map[string]bool // users whose account another transaction holds
	accounts     map[string]*account
	transactions map[string]*entry // by id
	byKey        map[KeyRef]*entry
	grants       map[GrantRef]*entry
	reservations map[string]*hold // by id
	holdsByKey   map[KeyRef]*hold
	holdsByUser  map[string][]*hold
	due          map[string]Due // by user
	usages       map[usageRef]*DayUsage
	added        []Transaction // in the order in which they were made
}

type account struct {
	Account
	stored, changed bool
}

// entry is a transaction and how much of it was refunded.
type entry struct {
	Transaction
	refunded int64
}

type hold struct {
	Reservation
	stored, changed bool
}

type usageRef struct {
	userID, appID string
	day           Day
}

// NewBook makes the book of a batch that is judged at now. makeID makes the ids
// of transactions and reservations. After an error of makeID, Err returns it.
func NewBook(policy Policy, now time.Time, makeID func() (string, error), l Loaded) *Book {
	b := &Book{
		policy: policy, now: time.UnixMilli(now.UnixMilli()).UTC(), makeID: makeID,
		active:       make(map[string]bool, len(l.Active)),
		held:         make(map[string]bool, len(l.Held)),
		accounts:     make(map[string]*account, len(l.Accounts)),
		transactions: make(map[string]*entry, len(l.Transactions)),
		byKey:        make(map[KeyRef]*entry),
		grants:       make(map[GrantRef]*entry),
		reservations: make(map[string]*hold, len(l.Reservations)),
		holdsByKey:   make(map[KeyRef]*hold),
		holdsByUser:  make(map[string][]*hold),
		due:          make(map[string]Due, len(l.Due)),
		usages:       make(map[usageRef]*DayUsage),
	}
	for _, d := range l.Due {
		b.due[d.UserID] = d
	}
	for _, id := range l.Active {
		b.active[id] = true
	}
	for _, id := range l.Held {
		b.held[id] = true
	}
	for _, a := range l.Accounts {
		b.accounts[a.UserID] = &account{Account: a, stored: true}
	}
	for _, t := range l.Transactions {
		b.index(&entry{t, l.Refunded[t.ID]})
	}
	for _, r := range l.Reservations {
		b.indexHold(&hold{Reservation: r, stored: true})
	}
	return b
}

func (b *Book) index(e *entry) {
	if _, known := b.transactions[e.ID]; known {
		return
	}
	b.transactions[e.ID] = e
	if e.Key != "" {
		b.byKey[KeyRef{e.UserID, e.AppID, e.Key, e.Source}] = e
	}
	if e.Reference != "" {
		b.grants[GrantRef{e.AppID, e.Reference}] = e
	}
}

func (b *Book) indexHold(h *hold) {
	if _, known := b.reservations[h.ID]; known {
		return
	}
	b.reservations[h.ID] = h
	b.holdsByUser[h.UserID] = append(b.holdsByUser[h.UserID], h)
	if h.Key != "" {
		b.holdsByKey[KeyRef{h.UserID, h.AppID, h.Key, FromService}] = h
	}
}

// Apply judges an operation and, unless it is refused, carries it out. The error
// is ErrHeld where another transaction holds the account.
func (b *Book) Apply(op Op) (Result, error) {
	who := op.UserID
	if h := b.reservations[op.ReservationID]; h != nil {
		who = h.UserID
	}
	if b.held[who] {
		return Result{}, ErrHeld
	}
	switch op.Kind {
	case Touch, Sweep:
		return b.touch(op)
	case Use:
		return b.keyed(op, b.use)
	case GiveBack:
		return b.keyed(op, b.giveBack)
	case Grant:
		return b.grant(op)
	case Reserve:
		return b.keyed(op, b.reserve)
	case Commit:
		return b.commit(op)
	case Release:
		return b.release(op)
	}
	panic("ledger: operation without a kind")
}

// keyed answers an operation whose key is known with its first result, and
// passes every other operation to rule.
func (b *Book) keyed(op Op, rule func(Op) (Result, error)) (Result, error) {
	if op.Key == "" {
		return rule(op)
	}
	ref := KeyRef{op.UserID, op.AppID, op.Key, op.Source}
	e, h := b.byKey[ref], b.holdsByKey[ref]
	switch {
	case e == nil && h == nil:
		return rule(op)
	case e != nil && e.Body == op.body:
		return Result{Replayed: true, Transaction: e.Transaction}, nil
	case h != nil && h.Body == op.body:
		return Result{Replayed: true, Reservation: h.Reservation}, nil
	case h != nil && op.Kind == Reserve:
		state := h.State
		if h.Overdue(b.now) {
			state = Expired
		}
		return Result{}, &KeyReusedError{state}
	default:
		return Result{}, ErrKeyReused
	}
}

// write adds a transaction to the account, whose credits have already changed
// by the amount, and fills in what follows from the account.
func (b *Book) write(a *account, t Transaction) Transaction {
	a.Entries++
	a.changed = true
	t.ID, t.UserID, t.Entry, t.CreatedAt = b.newID(), a.UserID, a.Entries, b.now
	t.After = a.Total()
	t.Before = t.After - t.Amount
	t.PaidAfter, t.FreeAfter, t.SpentAfter = a.Paid, a.Free, a.Spent
	b.index(&entry{Transaction: t})
	b.added = append(b.added, t)
	return t
}

func (b *Book) newID() string {
	id, err := b.makeID()
	if err != nil {
		b.broken = err
	}
	return id
}

// Err returns an error where an id could not be made. The book must not be
// written then.
func (b *Book) Err() error { return b.broken }

// count adds to the usage of the user with the app today.
func (b *Book) count(userID, appID string, used, refunded, uses int64) {
	ref := usageRef{userID, appID, DayOf(b.now)}
	u := b.usages[ref]
	if u == nil {
		u = &DayUsage{UserID: userID, AppID: appID, Day: ref.day}
		b.usages[ref] = u
	}
	u.Used += used
	u.Refunded += refunded
	u.Uses += uses
}

// Changes returns what has to be written after the operations.
func (b *Book) Changes() Changes {
	c := Changes{Transactions: b.added}
	for _, id := range slices.Sorted(maps.Keys(b.accounts)) {
		switch a := b.accounts[id]; {
		case !a.changed:
		case a.stored:
			c.Accounts = append(c.Accounts, a.Account)
		default:
			c.NewAccounts = append(c.NewAccounts, a.Account)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.reservations)) {
		switch h := b.reservations[id]; {
		case !h.stored:
			c.NewReservations = append(c.NewReservations, h.Reservation)
		case h.changed:
			c.Settled = append(c.Settled, h.Reservation)
		}
	}
	for _, u := range b.usages {
		c.Usages = append(c.Usages, *u)
	}
	slices.SortFunc(c.Usages, func(x, y DayUsage) int {
		return cmp.Or(cmp.Compare(x.UserID, y.UserID), cmp.Compare(x.AppID, y.AppID), cmp.Compare(x.Day, y.Day))
	})
	return c
}
