package ledger

// touch gives the account what is due and returns it.
func (b *Book) touch(op Op) (Result, error) {
	if op.Kind == Sweep {
		if a := b.accounts[op.UserID]; a != nil {
			b.expire(a)
		}
		return Result{}, nil
	}
	a, err := b.open(op.UserID, true)
	if err != nil {
		return Result{}, err
	}
	return Result{Account: a.Account}, nil
}

// open finds the account of a user, makes it where there is none, and gives it
// what is due. With spender it refuses a user who is deleted or disabled.
// Without spender such a user's earlier operations may still be settled.
func (b *Book) open(userID string, spender bool) (*account, error) {
	active, a := b.active[userID], b.accounts[userID]
	if !active && (spender || a == nil) {
		return nil, ErrNoUser
	}
	if a == nil {
		return b.create(userID), nil
	}
	b.expire(a)
	if active {
		b.daily(a)
	}
	return a, nil
}

// create makes an account with the signup bonus.
func (b *Book) create(userID string) *account {
	a := &account{Account: Account{UserID: userID, Day: DayOf(b.now), CreatedAt: b.now, UpdatedAt: b.now}, changed: true}
	b.accounts[userID] = a
	b.bonus(a, b.policy.SignupBonus, "Signup bonus")
	return a
}

// daily gives the daily credits of a new day, as many as the cap allows. Days
// on which nobody used the account are not made up for, and a clock that goes
// back gives no day twice.
func (b *Book) daily(a *account) {
	today := DayOf(b.now)
	if today <= a.Day {
		return
	}
	a.Day = today
	a.UpdatedAt = b.now
	a.changed = true
	b.bonus(a, min(b.policy.Daily, b.policy.DailyCap-a.Free-a.HeldFree), "Daily credits")
}

// bonus gives free credits, as many as the limits of the account allow.
func (b *Book) bonus(a *account, amount int64, description string) {
	amount = min(amount, MaxCredits-a.Total(), MaxCredits-a.Given)
	if amount <= 0 {
		return
	}
	a.Free += amount
	a.Given += amount
	a.UpdatedAt = b.now
	b.write(a, Transaction{
		Type: Bonus, Source: FromSystem, Amount: amount, Free: amount, AppID: SystemApp, Description: description,
	})
}

// expire returns what overdue reservations hold. The worker that sweeps does so
// too. It may be late without harm, because every operation on the account
// calls expire first. Where there are very many, the account gets the sum of
// what all of them hold, and those that are not loaded are marked later.
func (b *Book) expire(a *account) {
	if d, many := b.due[a.UserID]; many {
		delete(b.due, a.UserID)
		a.release(d.Amount, d.Free)
		a.ReturnedTo, a.UpdatedAt, a.changed = b.now, b.now, true
	}
	for _, h := range b.holdsByUser[a.UserID] {
		if h.Overdue(b.now) || h.State == Open && a.returned(h) {
			b.settle(a, h, Expired)
		}
	}
}

// returned reports whether the account has got back what an open reservation
// held.
func (a *account) returned(h *hold) bool { return !h.ExpiresAt.After(a.ReturnedTo) }

// release makes credits spendable that reservations held.
func (a *account) release(amount, free int64) {
	a.HeldFree -= free
	a.HeldPaid -= amount - free
	a.Free += free
	a.Paid += amount - free
}

// settle returns what a reservation holds to the account.
func (b *Book) settle(a *account, h *hold, state State) {
	if !a.returned(h) {
		a.release(h.Amount, h.Free)
	}
	a.UpdatedAt = b.now
	a.changed = true
	h.State, h.SettledAt, h.SettledBalance = state, b.now, a.Spendable()
	h.changed = true
}
