// Package guess bounds how often passwords are guessed, wherever one is
// checked. It counts failures, and never a success, of an account, of an address
// (IPv4 /32, IPv6 /64) and of its network (/24, /48), for an hour. After a few
// failures each further one brings a longer delay, up to minutes and never for
// good, so that nobody is locked out of an account by somebody else for long.
//
// A device from which the user has logged in before has a share of its own, so
// that its user gets in while strangers guess. A device that has used up its
// share counts as a stranger. Whether an account exists makes no difference.
//
// Each server counts in memory. The servers of a database tell each other what
// failed, once a second, through rows whose age the database's clock measures;
// a server that starts reads the rows of the last hour.
package guess
