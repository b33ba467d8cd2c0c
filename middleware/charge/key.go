package charge

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
)

// maxKey is the longest accepted Idempotency-Key, in bytes.
const maxKey = 255

// identity is what makes two requests with an Idempotency-Key the same: user,
// operation, key and body. It is empty without the header. sent says whether
// that was there.
func (g *Guard) identity(r *http.Request, user client.User) (id string, sent bool, err error) {
	keys := r.Header.Values(KeyHeader)
	if len(keys) == 0 {
		return "", false, nil
	}
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxKey || strings.IndexFunc(keys[0], notVisible) >= 0 {
		return "", true, errKey
	}
	body, err := hashable(r)
	if err != nil {
		return "", true, errBody
	}
	sum := sha256.New()
	for _, part := range []string{user.ID, g.operation, keys[0]} {
		// With its length, so that no part can reach into the next.
		_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = io.WriteString(sum, part)
	}
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(r.ContentLength)))
	_, _ = sum.Write(body)
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), true, nil
}

func notVisible(c rune) bool { return c <= 0x20 || c >= 0x7f }

// hashable reads a body that is known to be short, and puts it back. One of
// unknown length is left alone: its sender may wait for an answer before it
// goes on.
func hashable(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.ContentLength <= 0 || r.ContentLength > maxHashed {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = &rest{bytes.NewReader(body), r.Body}
	return body, nil
}

// rest is a body that was read, and closes as it did before.
type rest struct {
	io.Reader
	io.Closer
}

// reserve sets the cost aside. With an identity it does so under a key that
// every copy of the request has, and for a reason that only this one has: the
// ledger then answers this one's repetitions and no copy. A copy of what came
// to nothing goes on to the next key.
func (g *Guard) reserve(r *http.Request, user client.User, cost int64, id string, sent bool) (credits.Reservation, error) {
	params := credits.ReserveParams{
		UserID: user.ID, Amount: cost, Operation: g.operation, For: g.config.HoldFor,
		ReleaseIfUnknown: true, // no request asks again under another one's key
	}
	if !sent {
		return g.ledger.Reserve(r.Context(), params)
	}
	params.Operation = g.operation + " " + rand.Text()
	return g.reserveOnce(r.Context(), params, id)
}

func (g *Guard) reserveOnce(ctx context.Context, params credits.ReserveParams, id string) (credits.Reservation, error) {
	var err error
	for try := range maxTries {
		params.Key = "charge-" + id + string(rune('0'+try))
		var reservation credits.Reservation
		reservation, err = g.ledger.Reserve(ctx, params)
		if !errors.Is(err, credits.ErrKeyLapsed) {
			return reservation, err
		}
	}
	return credits.Reservation{}, err
}
