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
	// Touch gives what is due: the signup bonus, daily credits, and what
	// expired reservations held. UserID.
	Touch Kind = iota + 1
	// Sweep only returns what expired reservations held. It makes no account,
	// and the user may be deleted or disabled. UserID.
	Sweep
	// Use takes credits. UserID, Amount, Description, Metadata, Key.
	Use
	// GiveBack refunds credits of a usage. UserID, Amount, Description,
	// Metadata, TransactionID, Key. Without TransactionID it refunds the user's
	// newest usage of the app that has enough left to refund.
	GiveBack
	// Grant gives paid credits, once for each Reference of an app. UserID,
	// Amount, Description, Reason, Reference.
	Grant
	// Reserve sets credits aside. UserID, Amount, Reason, Lifetime, Key.
	Reserve
	// Commit takes Amount of what was reserved and returns the rest. A zero
	// Amount takes all. ReservationID, Amount, Description.
	Commit
	// Release returns what was reserved. ReservationID.
	Release
)

// Op is an operation on an account. Whoever makes it bounds the lengths of its
// texts.
type Op struct {
	Kind          Kind
	Source        Source
	UserID        string
	AppID         string
	Amount        int64 // 1 to MaxCredits
	Description   string
	Metadata      string // a JSON object, or empty
	Key           string // idempotency key within a user, an app and a source, or empty
	TransactionID string
	ReservationID string
	Reason        string
	Reference     string
	Lifetime      time.Duration // of a reservation

	body Digest // filled in by Ledger.Do
}

// Result is the result of an operation. Which parts are set depends on its
// kind.
type Result struct {
	// Replayed means that an earlier operation with the same key, reference or
	// reservation had the effect. This is the result of that one.
	Replayed    bool
	Account     Account     // Touch
	Transaction Transaction // Use, GiveBack, Grant, Commit
	Reservation Reservation // Reserve, Commit, Release
}

// digest is the SHA-256 of everything in an operation but its key. Two
// operations with one key are the same where their digests are equal. Metadata
// counts by its meaning and not by its spelling.
func (o Op) digest() (d Digest, err error) {
	metadata := jsontext.Value(o.Metadata).Clone()
	if len(metadata) > 0 {
		// This is RFC 8785 except for whole numbers, because RFC 8785 makes
		// numbers equal that a float64 can't distinguish.
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
		// The length comes first, so that no text can be taken for a part of
		// the next field.
		text = binary.BigEndian.AppendUint32(text, uint32(len(field)))
		text = append(text, field...)
	}
	return sha256.Sum256(text), nil
}
