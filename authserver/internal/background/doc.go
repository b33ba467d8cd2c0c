// Package background has the work that a server does by itself: workers that
// run again and again in a [Group], and questions of which the answer is
// remembered for a while, a [Remembered].
//
// Nothing above that work recovers from a panic, so that this package does: a
// panic is an error of the run or of the question, the log has it with the
// stack, and the process lives.
package background
