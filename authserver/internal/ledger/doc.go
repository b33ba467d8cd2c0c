// Package ledger keeps the users' credits: who has how many, what was spent on
// what, and that nothing is spent twice, invented or lost.
//
// The rules are plain Go and know no database: a Book holds what a batch of
// operations needs, Apply judges one operation after the other in memory, and
// Changes says what has to be written. A Store loads and writes for them in one
// transaction, under locks on the accounts concerned.
//
// A Ledger combines the operations that wait at one moment into one such
// transaction (group commit), because each transaction costs a flush to the
// disk however little it writes. An operation is answered after its commit and
// never before. A refusal is decided in memory and affects no other operation.
//
// Credits are whole numbers from 0 to MaxCredits. Instants are kept to the
// millisecond, in UTC. Days are days of UTC.
package ledger
