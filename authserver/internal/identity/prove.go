package identity

import (
	"context"
	"errors"
	"net/netip"

	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// attempt is somebody who says a password. Every use case that checks one goes
// through prove, so that none can be used for guessing.
type attempt struct {
	origin Origin
	email  string // in its stored form, whether or not there is such an account
	device string // the id that the device sends; empty where it sends none
	kind   string // the event of a failure
}

// prove admits an attempt, checks the password of the user that find finds,
// and counts and records a failure. The user is zero where the password fits
// nobody who may use it. The error is a guess.LockedError where the attempt
// comes too early.
func (s *Service) prove(ctx context.Context, a attempt, text string,
	find func() (store.User, store.Credential, error)) (user store.User, credential store.Credential, fits bool, err error) {
	ticket, err := s.config.Guesses.Begin(ctx, guess.Attempt{Account: a.email, Addr: a.origin.Addr, Device: a.device})
	if err != nil {
		return store.User{}, store.Credential{}, false, err
	}
	defer func() { ticket.End(err == nil && !fits) }()
	user, credential, err = find()
	if err != nil && !isNotFound(err) {
		return store.User{}, store.Credential{}, false, err
	}
	if err != nil || !user.Active() {
		credential = store.Credential{} // nothing fits it
	}
	from := password.From{Account: a.email, Addr: guess.Address(a.origin.Addr), Known: ticket.Known}
	fits, err = s.fits(ctx, from, user, credential, text)
	if err != nil {
		return store.User{}, store.Credential{}, false, err
	}
	if !fits {
		s.failed(ctx, a, user.ID)
		return store.User{}, store.Credential{}, false, nil
	}
	return user, credential, true, nil
}

// fits reports whether a password is that of a user. It does the same work
// whatever the credential is, also where there is none or where its hash is one
// of another program. Such a hash fits nothing until it has been taken over.
func (s *Service) fits(ctx context.Context, from password.From, user store.User, credential store.Credential, text string) (bool, error) {
	if credential.PasswordHash == "" {
		return false, s.config.Hasher.Burn(ctx, from, text)
	}
	fits, err := s.config.Hasher.Verify(ctx, from, text, credential.PasswordHash)
	if errors.Is(err, password.ErrFormat) {
		s.config.Log.WarnContext(ctx, "a password is stored in a form of another program and fits nothing", "user", user.ID)
		return false, nil
	}
	return fits, err
}

// remember makes the device of a session known that is being opened.
func (s *Service) remember(c *change, email string, session store.Session) error {
	addr, _ := netip.ParseAddr(session.IPAddress) // the zero Addr where it is unknown
	digest, ok := s.config.Guesses.Device(email, session.DeviceID, addr)
	if !ok {
		return nil
	}
	return c.AddDevice(store.Device{Digest: digest, UserID: session.UserID, SessionID: session.ID, At: session.CreatedAt})
}
