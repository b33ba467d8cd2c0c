// Package background runs the work that a server does by itself. A [Group] runs
// workers at intervals. A [Remembered] asks a question and caches the answer
// for a while.
//
// No caller could recover a panic in such work, so this package does. The panic
// becomes the error of the run or of the question, it is logged with its stack,
// and the process lives.
package background
