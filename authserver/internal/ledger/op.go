package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is what an operation does.
type Kind uint8

// The kinds of Op, and the fields that each uses beside AppID and Source.
const (
	// Touch gives what is due: the signup bonus, daily credits, expired
	// reservations. UserID.
	Touch Kind = iota + 1
	// Sweep is Touch for reservations alone: it makes no account and takes
	// any user. UserID.
	Sweep
	// Use takes credits. UserID, Amount, Description, Metadata, Key.
	Use
	// GiveBack refunds credits of a usage. UserID, Amount, Description,
	// Metadata, TransactionID, Key. Without TransactionID it belongs to the
	// user's newest usage of the app that has as much left to refund.
	GiveBack
	// Grant gives paid credits, once for each Reference of an app. UserID,
	// Amount, Description, Reason, Reference.
	Grant
	// Reserve sets credits aside. UserID, Amount, Reason, Lifetime, Key.
	Reserve
	// Commit takes Amount, or all where it is zero, of what was reserved, and
	// returns the rest. ReservationID, Amount, Description.
	Commit
	// Release returns what was reserved. ReservationID.
	Release
)

// Op is an operation on an account. Its texts are bounded by whoever makes it.
type Op struct {
	Kind          Kind
	Source        Source
	UserID        string
	AppID         string
	Amount        int64 // 1 to MaxCredits
	Description   string
	Metadata      string // a JSON object; empty: none
	Key           string // idempotency key, of a user and an app; empty: none
	TransactionID string
	ReservationID string
	Reason        string
	Reference     string
	Lifetime      time.Duration // of a reservation

	body Digest // filled in by Ledger.Do
}

// Result is what an operation led to. Which parts are filled in depends on its
// kind.
type Result struct {
	// Replayed: an earlier operation with the same key, reference or
	// reservation had the effect, and this is its result.
	Replayed    bool
	Account     Account     // Touch
	Transaction Transaction // Use, GiveBack, Grant, Commit
	Reservation Reservation // Reserve, Commit, Release
}

// digest is the SHA-256 of all that makes two operations with one key the
// same: everything but the key itself. Metadata counts by its meaning and not
// by its spelling.
func (o Op) digest() (d Digest, err error) {
	metadata := jsontext.Value(o.Metadata).Clone()
	if len(metadata) > 0 {
		// RFC 8785, but for whole numbers: it takes those for equal that a
		// float64 can't tell apart.
		if err := metadata.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
			return d, err
		}
	}
	text := make([]byte, 0, 256)
	text = append(text, byte(o.Kind))
	text = binary.BigEndian.AppendUint64(text, uint64(o.Amount))
	text = binary.BigEndian.AppendUint64(text, uint64(o.Lifetime))
	for _, field := range []string{string(o.Source), o.UserID, o.AppID, o.Description, string(metadata),
		o.TransactionID, o.ReservationID, o.Reason, o.Reference} {
		// With its length, so that no text can reach into the next field.
		text = binary.BigEndian.AppendUint32(text, uint32(len(field)))
		text = append(text, field...)
	}
	return sha256.Sum256(text), nil
}
