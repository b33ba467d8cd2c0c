package store

import "time"

// Change alters a user at an instant and says whether there was anything to
// alter. It may touch Role, DeletedAt and DisabledAt; the store sets
// UpdatedAt.
type Change func(u *User, now time.Time) bool

// SetRole gives the user a role.
func SetRole(role string) Change {
	return func(u *User, _ time.Time) bool {
		changed := u.Role != role
		u.Role = role
		return changed
	}
}

// Delete soft-deletes the user, for good.
func Delete(u *User, now time.Time) bool {
	u.DeletedAt = now
	return true
}

// Disable shuts the user out.
func Disable(u *User, now time.Time) bool {
	if !u.Active() {
		return false
	}
	u.DisabledAt = now
	return true
}

// Enable lets the user in again. Sessions that Disable ended stay ended.
func Enable(u *User, _ time.Time) bool {
	changed := !u.DisabledAt.IsZero()
	u.DisabledAt = time.Time{}
	return changed
}

// PasswordChange replaces a user's password hash.
type PasswordChange struct {
	UserID string
	// Old is the hash to be replaced: of two changes at once by one who knows
	// the password, the second finds another. Empty: whatever there is.
	Old string
	New string // PHC string
	// Keep is the session that goes on; empty: all end.
	Keep string
	// Event tells of it; the store fills in the user.
	Event Event
}
