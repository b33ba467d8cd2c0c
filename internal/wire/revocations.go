package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

const (
	// RevocationsPath is the feed of the sessions that ended before they
	// expired: a stream of server-sent events for a caller that accepts
	// text/event-stream, and one Revocations for any other.
	RevocationsPath = "/api/v1/auth/revocations"
	// RevocationsRel is the relation of the link by which the answer at JWKSPath
	// announces the feed (RFC 8288 section 2.1.2). Only the announcement counts:
	// the feed is at RevocationsPath, whatever the link points to.
	RevocationsRel = "urn:manacore:revocations"
	// EventStream is the media type of the stream.
	EventStream = "text/event-stream"
	// LastEventID is the header with which a caller resumes the feed behind a
	// cursor.
	LastEventID = "Last-Event-ID"
)

// Revocations is one event of the feed. An event without Sessions and Keys is a
// heartbeat.
type Revocations struct {
	// Cursor is where a caller that has read this event goes on. Empty while
	// More: the caller has to begin again.
	Cursor string `json:"cursor,omitempty"`
	// KnownUpTo is the instant up to which the server knows of every session
	// that ended, in milliseconds since the Unix epoch.
	KnownUpTo int64 `json:"knownUpTo"`
	// Snapshot says that the feed begins anew: what the caller asked to go on
	// from is not known. Everything that still matters follows.
	Snapshot bool `json:"snapshot,omitzero"`
	// More says that the next event belongs to the same answer: only the last one
	// of them brings the caller up to KnownUpTo.
	More     bool           `json:"more,omitzero"`
	Sessions []EndedSession `json:"sessions,omitempty"`
	Keys     []KeyChange    `json:"keys,omitempty"`
}

// EndedSession is a session that ended before it expired.
type EndedSession struct {
	ID SessionDigest `json:"id"`
	// Until is when no access token of the session can be good any more, in
	// seconds since the Unix epoch.
	Until int64 `json:"until"`
}

// KeyChange is a change of the key set at JWKSPath.
type KeyChange struct {
	Kid    string    `json:"kid"`
	Change KeyAction `json:"change"`
}

// KeyAction is what happened to a key.
type KeyAction string

// A key is published before it signs, and retired when nothing that it signed
// counts any more.
const (
	KeyPublished KeyAction = "published"
	KeyRetired   KeyAction = "retired"
)

// SessionDigest names a session to those who know its id and to nobody else: the
// first 128 bits of the SHA-256 of the id. Its text is base64url without padding.
type SessionDigest [16]byte

// DigestSession is the digest of a session's id.
func DigestSession(id string) SessionDigest {
	sum := sha256.Sum256([]byte(id))
	return SessionDigest(sum[:len(SessionDigest{})])
}

// MarshalText implements encoding.TextMarshaler.
func (d SessionDigest) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, d[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *SessionDigest) UnmarshalText(text []byte) error {
	var decoded [len(SessionDigest{}) + 2]byte // Decode asks for room of whole groups
	if base64.RawURLEncoding.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("a session's digest has %d characters", len(text))
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(decoded[:], text); err != nil {
		return err
	}
	*d = SessionDigest(decoded[:len(d)])
	return nil
}
