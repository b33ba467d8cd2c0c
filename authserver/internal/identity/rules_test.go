package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

func (h *house) refused(what string, err, want error) {
	h.Helper()
	if !errors.Is(err, want) {
		h.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (h *house) equal(what string, got, want any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestReuseEndsTheFamily: a token that was spent and whose successor was used
// ends the session, with everything that belongs to an end.
func TestReuseEndsTheFamily(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		user := h.register("ann")
		first := h.login("ann")
		session := h.caller(first.Access).Session.ID
		second := h.refresh(first.Refresh)
		third := h.refresh(second.Refresh)
		_, err := h.Refresh(h.Context(), h.here(), first.Refresh)
		h.refused("a spent token whose successor was used", err, ErrRefreshToken)
		_, err = h.Refresh(h.Context(), h.here(), third.Refresh)
		h.refused("the newest token of the family", err, ErrRefreshToken)
		_, err = h.Authenticate(h.Context(), third.Access)
		h.refused("the access token of the family", err, ErrSessionEnded)
		h.equal("revocations", h.revocations(), []string{session})
		h.equal("sessions that this server was told of", h.told.ended, []string{session})
		h.equal("events", h.log(user.ID), []string{store.EventRefreshReuse, store.EventLogin, store.EventRegister})
		h.equal("counted", h.told.events, []string{store.EventRegister, store.EventLogin, store.EventRefreshReuse})

		// It ended once: what comes later ends nothing and tells nobody.
		_, err = h.Refresh(h.Context(), h.here(), first.Refresh)
		h.refused("the spent token again", err, ErrRefreshToken)
		h.equal("events after that", len(h.log(user.ID)), 3)
	})
}

// leaving is a store whose caller leaves when a spent token was judged.
type leaving struct {
	store.Store
	leave context.CancelFunc
}

func (s *leaving) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	answers := s.Store.Rotate(ctx, rotations)
	for _, answer := range answers {
		if answer.Verdict == store.Reused {
			s.leave()
		}
	}
	return answers
}

// TestReuseByOneWhoLeaves: whoever presents a stolen token and hangs up before
// the answer does not keep the session alive.
func TestReuseByOneWhoLeaves(t *testing.T) {
	eachStore(t, func(db store.Store) store.Store { return &leaving{Store: db} }, func(h *house) {
		ctx, leave := context.WithCancel(h.Context())
		h.config.Store.(*leaving).leave = leave
		h.register("ann")
		first := h.login("ann")
		session := h.caller(first.Access).Session.ID
		h.refresh(h.refresh(first.Refresh).Refresh)
		if _, err := h.Refresh(ctx, h.here(), first.Refresh); !errors.Is(err, ErrRefreshToken) && !errors.Is(err, groupcommit.ErrUnderWay) {
			h.Errorf("a spent token whose successor was used: %v", err)
		}
		h.Close() // it waits for what is left to do
		h.equal("revocations", h.revocations(), []string{session})
		h.equal("sessions that this server was told of", h.told.ended, []string{session})
	})
}

// TestGrace: a client that lost the answer gets the same successor, until the
// grace is over.
func TestGrace(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		h.register("ann")
		first := h.login("ann")
		second := h.refresh(first.Refresh)
		h.clock.Advance(grace)
		if again := h.refresh(first.Refresh); again.Refresh != second.Refresh {
			h.Error("another successor within the grace")
		}
		h.clock.Advance(time.Millisecond)
		_, err := h.Refresh(h.Context(), h.here(), first.Refresh)
		h.refused("after the grace", err, ErrRefreshToken)
		_, err = h.Refresh(h.Context(), h.here(), second.Refresh)
		h.refused("the successor, after that", err, ErrRefreshToken)
	})
}

// TestExpiry: a session ends when it was idle for too long, remembered ones
// later, and all of them at their absolute end.
func TestExpiry(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		const day = 24 * time.Hour
		h.register("ann")
		idle := h.login("ann")
		remembered, err := h.Login(h.Context(), h.here(), "ann@example.com", goodPassword, Device{Remember: true})
		if err != nil {
			h.Fatal(err)
		}
		h.clock.Advance(7 * day)
		_, err = h.Refresh(h.Context(), h.here(), idle.Refresh)
		h.refused("idle", err, ErrRefreshExpired)
		h.clock.Advance(22 * day)
		remembered = h.refresh(remembered.Refresh)
		h.clock.Advance(29 * day)
		remembered = h.refresh(remembered.Refresh)
		h.clock.Advance(2 * day)
		_, err = h.Refresh(h.Context(), h.here(), remembered.Refresh)
		h.refused("at the absolute end", err, ErrRefreshExpired)
	})
}

// TestChangesOfAUserEndSessions: each change, what it leaves of the user's
// sessions, and what it does the second time.
func TestChangesOfAUserEndSessions(t *testing.T) {
	for name, test := range map[string]struct {
		change func(h *house, user string) (store.User, error)
		kind   string
		again  error // of the same change once more
		login  error // of a login after it
	}{
		"another role": {
			change: func(h *house, user string) (store.User, error) {
				return h.SetRole(h.Context(), h.operator(), user, "admin")
			},
			kind: store.EventRoleChanged,
		},
		"disabled": {
			change: func(h *house, user string) (store.User, error) { return h.Disable(h.Context(), h.operator(), user) },
			kind:   store.EventUserDisabled, login: ErrCredentials,
		},
		"deleted": {
			change: func(h *house, user string) (store.User, error) { return h.Delete(h.Context(), h.operator(), user) },
			kind:   store.EventUserDeleted, again: ErrUserNotFound, login: ErrCredentials,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, nil, func(h *house) {
				user := h.register("ann")
				other := h.register("bob")
				tokens, foreign := h.login("ann"), h.login("bob")
				session := h.caller(tokens.Access).Session.ID
				if _, err := test.change(h, "ANN@example.com"); err != nil {
					h.Fatal(err)
				}
				_, err := h.Authenticate(h.Context(), tokens.Access)
				h.refused("the access token", err, ErrSessionEnded)
				if _, err = h.Refresh(h.Context(), h.here(), tokens.Refresh); err == nil {
					h.Error("the refresh token is good")
				}
				h.caller(foreign.Access) // goes on
				if n := len(h.revocations()); n != 2 || !slices.Contains(h.revocations(), session) {
					h.Errorf("revocations %v, want those of a registration and of a login", h.revocations())
				}
				if len(h.told.ended) != 2 {
					h.Errorf("this server was told of %v", h.told.ended)
				}
				events := h.log(user.ID)
				h.equal("newest event", events[0], test.kind)
				_, err = test.change(h, user.ID)
				h.refused("once more", err, test.again)
				h.equal("events after that", len(h.log(user.ID)), len(events))
				_, err = h.Login(h.Context(), h.here(), "ann@example.com", goodPassword, Device{})
				h.refused("a login", err, test.login)
				h.equal("events of the other user", len(h.log(other.ID)), 2)
			})
		})
	}
}

// TestSetTier: a tier is recorded where it is another one, and ends nothing.
func TestSetTier(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		user := h.register("ann")
		h.equal("tier of one who registers", user.Tier, "public")
		h.equal("verified", user.EmailVerified, false)
		tokens := h.login("ann")
		for _, tier := range []string{"guest", "public", "beta", "alpha", "founder", "founder"} {
			h.clock.Advance(time.Second)
			changed, err := h.SetTier(h.Context(), h.operator(), "ANN@example.com", tier)
			if err != nil || changed.Tier != tier {
				h.Errorf("%+v, %v; want the tier %s", changed, err, tier)
			}
			h.equal("stored", h.caller(tokens.Access).User.Tier, tier)
		}
		h.refresh(tokens.Refresh)
		if len(h.revocations()) != 0 {
			h.Errorf("sessions ended: %v", h.revocations())
		}
		h.equal("events", h.log(user.ID)[:5], slices.Repeat([]string{store.EventTierChanged}, 5))
		for _, tier := range []string{"", "Beta", "gold"} {
			if _, err := h.SetTier(h.Context(), h.operator(), user.ID, tier); err == nil || !strings.Contains(err.Error(), "guest, public, beta, alpha, founder") {
				h.Errorf("tier %q: %v", tier, err)
			}
		}
		if _, err := h.Delete(h.Context(), h.operator(), user.ID); err != nil {
			h.Fatal(err)
		}
		_, err := h.SetTier(h.Context(), h.operator(), user.ID, "beta")
		h.refused("of a deleted user", err, ErrUserNotFound)
	})
}

// TestActive: who was disabled is out by every door, and in again by Enable;
// what ended stays ended.
func TestActive(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		user := h.register("ann")
		tokens := h.login("ann")
		caller := h.caller(tokens.Access)
		if _, err := h.Disable(h.Context(), h.operator(), user.ID); err != nil {
			h.Fatal(err)
		}
		_, err := h.Login(h.Context(), h.here(), user.Email, goodPassword, Device{})
		h.refused("login", err, ErrCredentials)
		_, err = h.Refresh(h.Context(), h.here(), tokens.Refresh)
		h.refused("refresh", err, ErrRefreshToken)
		_, err = h.Authenticate(h.Context(), tokens.Access)
		h.refused("access token", err, ErrSessionEnded)
		h.refused("change of password", h.ChangePassword(h.Context(), h.here(), caller, goodPassword, "another password"), ErrPassword)
		h.refused("deletion", h.DeleteAccount(h.Context(), h.here(), caller, goodPassword, ""), ErrPassword)

		if _, err := h.Enable(h.Context(), h.operator(), user.ID); err != nil {
			h.Fatal(err)
		}
		_, err = h.Authenticate(h.Context(), tokens.Access)
		h.refused("the old access token", err, ErrSessionEnded)
		h.caller(h.login("ann").Access)
	})
}

// TestA166LoginAgainstAChange: a session opens only with what was true when the
// password was checked.
func TestA166LoginAgainstAChange(t *testing.T) {
	for name, between := range map[string]func(tx store.Tx, user store.User) error{
		"the password": func(tx store.Tx, user store.User) error {
			credential, err := tx.Credential(user.ID)
			if err != nil {
				return err
			}
			credential.PasswordHash += "x"
			return tx.PutCredential(credential, begin)
		},
		"the role":    func(tx store.Tx, user store.User) error { user.Role = "admin"; return tx.PutUser(user) },
		"disabled":    func(tx store.Tx, user store.User) error { user.DisabledAt = begin; return tx.PutUser(user) },
		"deleted too": func(tx store.Tx, user store.User) error { user.DeletedAt = begin; return tx.PutUser(user) },
	} {
		t.Run(name, func(t *testing.T) {
			wrap := func(db store.Store) store.Store {
				return &twice{Store: db, between: func(db store.Store, user store.User) error {
					return db.Tx(context.Background(), func(tx store.Tx) error {
						now, err := tx.LockUser(user.ID)
						if err != nil {
							return err
						}
						return between(tx, now)
					})
				}}
			}
			eachStore(t, wrap, func(h *house) {
				user := h.register("ann")
				_, err := h.Login(h.Context(), h.here(), user.Email, goodPassword, Device{})
				h.refused("login", err, ErrCredentials)
				sessions, err := h.Sessions(h.Context(), user.ID)
				if err != nil || len(sessions) != 1 {
					h.Errorf("sessions %v, %v: want that of the registration alone", sessions, err)
				}
				h.equal("events", h.log(user.ID), []string{store.EventRegister})
			})
		})
	}
}

// TestChangePassword: the other sessions end, the caller's own goes on, and of
// two changes at once one finds another password.
func TestChangePassword(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		user := h.register("ann")
		mine, other := h.login("ann"), h.login("ann")
		caller := h.caller(mine.Access)
		h.refused("a wrong password", h.ChangePassword(h.Context(), h.here(), caller, "wrong", "another password"), ErrPassword)
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- h.ChangePassword(h.Context(), h.here(), caller, goodPassword, "another password") }()
		}
		results := []error{<-errs, <-errs}
		if (results[0] == nil) == (results[1] == nil) || !errors.Is(errors.Join(results...), ErrPassword) {
			h.Errorf("two changes at once: %v", results)
		}
		h.caller(mine.Access)
		_, err := h.Authenticate(h.Context(), other.Access)
		h.refused("the other session", err, ErrSessionEnded)
		_, err = h.Login(h.Context(), h.here(), user.Email, goodPassword, Device{})
		h.refused("the old password", err, ErrCredentials)
		if _, err = h.Login(h.Context(), h.here(), user.Email, "another password", Device{}); err != nil {
			h.Error(err)
		}
	})
}

// TestEndSession: a user ends the own sessions, once, and no other user's.
func TestEndSession(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		ann, bob := h.register("ann"), h.register("bob")
		session := h.caller(h.login("ann").Access).Session.ID
		h.refused("another user's", h.EndSession(h.Context(), h.here(), bob.ID, session), ErrSessionNotFound)
		for _, id := range []string{"none", "", "a\x00b", "\xff"} {
			h.refused("unknown", h.EndSession(h.Context(), h.here(), ann.ID, id), ErrSessionNotFound)
			h.refused("unknown, by an operator", h.RevokeSession(h.Context(), h.operator(), id), ErrSessionNotFound)
		}
		h.refused("the own", h.EndSession(h.Context(), h.here(), ann.ID, session), nil)
		h.refused("once more", h.EndSession(h.Context(), h.here(), ann.ID, session), ErrSessionNotFound)
		h.equal("revocations", h.revocations(), []string{session})
		h.equal("newest event", h.log(ann.ID)[0], store.EventSessionRevoked)
		h.equal("events of the other", h.log(bob.ID), []string{store.EventRegister})
	})
}

// TestRegisterTaken: an address has one account, among those who register at
// once too, and a refused one leaves nothing.
func TestRegisterTaken(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() {
				_, _, err := h.Register(h.Context(), h.here(), Registration{Email: "same@example.com", Password: goodPassword, Name: "Same"})
				errs <- err
			}()
		}
		won := 0
		for range cap(errs) {
			switch err := <-errs; {
			case err == nil:
				won++
			default:
				h.refused("a loser", err, ErrEmailTaken)
			}
		}
		users := 0
		for _, err := range h.Users(h.Context(), UserFilter{}, nil) {
			if users++; err != nil {
				h.Fatal(err)
			}
		}
		if won != 1 || users != 1 {
			h.Errorf("%d won, %d users", won, users)
		}
		h.equal("counted", h.told.events, []string{store.EventRegister})
	})
}

// TestJudge: what a refresh token is worth, by all that is known of it.
func TestJudge(t *testing.T) {
	t.Parallel()
	const grace = 30 * time.Second
	open := store.Session{ID: "s", ExpiresAt: begin.Add(time.Hour)}
	revoked, expired := open, open
	revoked.RevokedAt, expired.ExpiresAt = begin, begin
	for name, test := range map[string]struct {
		presented store.Presented
		grace     time.Duration
		want      store.Verdict
	}{
		"unspent":                        {store.Presented{Session: open}, grace, store.Renewed},
		"of a deleted user":              {store.Presented{Session: revoked, User: store.User{DeletedAt: begin}}, grace, store.UserGone},
		"of a disabled user":             {store.Presented{Session: open, User: store.User{DisabledAt: begin}}, grace, store.Revoked},
		"of a session that ended":        {store.Presented{Session: revoked, SpentAt: begin}, grace, store.Revoked},
		"expired":                        {store.Presented{Session: expired}, grace, store.Expired},
		"spent within the grace":         {store.Presented{Session: open, SpentAt: begin.Add(-grace)}, grace, store.Repeated},
		"spent before it":                {store.Presented{Session: open, SpentAt: begin.Add(-grace - 1)}, grace, store.Reused},
		"its successor is spent":         {store.Presented{Session: open, SpentAt: begin, SuccessorSpent: true}, grace, store.Reused},
		"spent in another's future":      {store.Presented{Session: open, SpentAt: begin.Add(time.Second)}, grace, store.Repeated},
		"without a grace":                {store.Presented{Session: open, SpentAt: begin}, -1, store.Reused},
		"without a grace, clock is back": {store.Presented{Session: open, SpentAt: begin.Add(time.Second)}, -1, store.Reused},
	} {
		if got := judge(test.presented, begin, test.grace, Outage{}); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestA166LastMoment: what ends all sessions of a user also ends those that a
// refresh under way, which was judged before they expired, may still renew.
func TestA166LastMoment(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		for name, end := range map[string]func(user string) error{
			"role": func(user string) error {
				_, err := h.SetRole(h.Context(), h.operator(), user, "admin")
				return err
			},
			"operator": func(user string) error {
				_, err := h.RevokeSessions(h.Context(), h.operator(), user)
				return err
			},
		} {
			for _, late := range []time.Duration{Overtime - time.Millisecond, Overtime} {
				user := h.register(fmt.Sprint(name, late.Milliseconds()))
				before := len(h.revocations())
				h.clock.Advance(7*24*time.Hour + late)
				if err := end(user.ID); err != nil {
					h.Fatal(err)
				}
				want := 0
				if late < Overtime {
					want = 1
				}
				h.equal(fmt.Sprint(name, ": sessions that ended ", late, " after their expiry"), len(h.revocations())-before, want)
			}
		}
	})
}

// TestOver: when a session is over, for the purge.
func TestOver(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return begin.Add(time.Duration(hours) * time.Hour) }
	for name, test := range map[string]struct {
		session store.SessionEnd
		want    time.Time
	}{
		"expired":                                {store.SessionEnd{ExpiresAt: at(2)}, at(2)},
		"revoked before":                         {store.SessionEnd{ExpiresAt: at(2), RevokedAt: at(1)}, at(1)},
		"revoked after its expiry":               {store.SessionEnd{ExpiresAt: at(2), RevokedAt: at(3)}, at(2)},
		"of the existing service, refreshable":   {store.SessionEnd{ExpiresAt: at(2), RefreshableUntil: at(9)}, at(9)},
		"of the existing service, over before":   {store.SessionEnd{ExpiresAt: at(2), RefreshableUntil: at(1)}, at(2)},
		"of the existing service, and revoked":   {store.SessionEnd{ExpiresAt: at(2), RefreshableUntil: at(9), RevokedAt: at(5)}, at(5)},
		"of the existing service, revoked later": {store.SessionEnd{ExpiresAt: at(2), RefreshableUntil: at(3), RevokedAt: at(5)}, at(3)},
	} {
		if got := over(test.session); !got.Equal(test.want) {
			t.Errorf("%s: over at %v, want %v", name, got, test.want)
		}
	}
}

// TestOperatorsEvents: what an operator did says so, and from no address.
func TestOperatorsEvents(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		user := h.register("ann")
		if _, err := h.SetRole(h.Context(), h.operator(), user.ID, "admin"); err != nil {
			h.Fatal(err)
		}
		events, err := h.SecurityEvents(h.Context(), user.ID)
		if err != nil {
			h.Fatal(err)
		}
		h.equal("metadata", string(events[0].Metadata), `{"by":"operator","role":"admin"}`)
		h.equal("address", events[0].IPAddress, "")
		h.equal("address of the registration", events[1].IPAddress, "192.0.2.7")
	})
}

// TestO26DeletedAddress: who deleted an account may register again with its
// address. It is another account, and what belonged to the old one stays ended.
func TestO26DeletedAddress(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		for range 2 { // and once more
			old := h.register("ann")
			tokens := h.login("ann")
			_, _, err := h.Register(h.Context(), h.here(), Registration{Email: old.Email, Password: goodPassword, Name: "Ann"})
			h.refused("while the account is there", err, ErrEmailTaken)
			if _, err := h.Delete(h.Context(), h.operator(), old.Email); err != nil {
				h.Fatal(err)
			}
			fresh := h.register("ann")
			if fresh.ID == old.ID || fresh.Email != old.Email {
				h.Errorf("registered %+v after %+v", fresh, old)
			}
			_, err = h.Authenticate(h.Context(), tokens.Access)
			h.refused("the old access token", err, ErrSessionEnded)
			h.equal("whose tokens a login gets", h.caller(h.login("ann").Access).User.ID, fresh.ID)
			gone, err := h.User(h.Context(), old.ID)
			if err != nil || !gone.Deleted() || gone.Email == old.Email {
				h.Errorf("the old account: %+v, %v", gone, err)
			}
			if _, err := h.Delete(h.Context(), h.operator(), fresh.ID); err != nil {
				h.Fatal(err)
			}
		}
	})
}

// slowly is a store with which it takes an hour to come to the next user.
type slowly struct {
	store.Store
	clock *clocktest.Clock
}

func (s slowly) LiveSessions(ctx context.Context, userID string, after time.Time, limit int) ([]store.Session, error) {
	s.clock.Advance(time.Hour)
	return s.Store.LiveSessions(ctx, userID, after, limit)
}

// TestRevokeAllSessionsTakesLong: a session that ends hours after the beginning
// ended then, or else verifying clients would forget it before its last access
// token has expired.
func TestRevokeAllSessionsTakesLong(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		h.register("ann")
		h.login("ann")
		h.config.Store = slowly{h.config.Store, h.clock}
		began := h.clock.Now()
		ended, err := h.RevokeAllSessions(h.Context(), h.operator(), func(int, int) {})
		if err != nil || ended == 0 {
			h.Fatalf("%d ended, %v", ended, err)
		}
		page, err := h.config.Store.Revocations(h.Context(), store.Mark{}, began)
		if err != nil || len(page.List) != ended {
			h.Fatalf("%d revocations, %v", len(page.List), err)
		}
		for _, revocation := range page.List {
			if revocation.At.Before(began.Add(time.Hour)) {
				h.Errorf("ended at %v, want an hour after %v", revocation.At, began)
			}
		}
	})
}

// TestO25RevokeAllSessions ends what a restore brought back, once.
func TestO25RevokeAllSessions(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		var tokens []Tokens
		for _, name := range []string{"ann", "bob", "cid"} {
			h.register(name)
			tokens = append(tokens, h.login(name))
		}
		for _, want := range []int{6, 0} {
			users := 0
			ended, err := h.RevokeAllSessions(h.Context(), h.operator(), func(n, _ int) { users = n })
			if err != nil || ended != want || users != 3 {
				h.Errorf("%d ended of %d users, %v; want %d", ended, users, err, want)
			}
		}
		for _, t := range tokens {
			_, err := h.Authenticate(h.Context(), t.Access)
			h.refused("an access token", err, ErrSessionEnded)
			_, err = h.Refresh(h.Context(), h.here(), t.Refresh)
			h.refused("a refresh token", err, ErrRefreshToken)
		}
		h.caller(h.login("ann").Access)
	})
}

// TestV2FailuresAreBounded: however long the security log cannot be written, no
// more failures wait than a server keeps, also after a piece was given back.
func TestV2FailuresAreBounded(t *testing.T) {
	t.Parallel()
	s := &Service{config: Config{Log: slog.New(slog.DiscardHandler)}}
	fail := func(n int) {
		for range n {
			s.failed(t.Context(), attempt{kind: store.EventLoginFailed}, "ann")
		}
	}
	fail(maxFailures)
	piece, _ := s.failures.take()
	fail(1)
	s.failures.giveBack(piece)
	fail(2)
	if n := len(s.failures.waiting); n != maxFailures+1 {
		t.Errorf("%d wait", n)
	}
	if _, lost := s.failures.take(); lost != 2 {
		t.Errorf("%d are missing, want 2", lost)
	}
}
