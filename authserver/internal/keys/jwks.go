package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The members of an exported private key that say where it is in its life. Other
// programs ignore them (RFC 7517 section 4).
const (
	memberCreated  = "mana_created_at"     // RFC 3339, as memberSigns and memberVerifies
	memberSigns    = "mana_signs_from"     // absent: not decided yet
	memberVerifies = "mana_verifies_until" // of a key that only verifies
	memberTTL      = "mana_token_ttl"      // seconds
)

// sealedSet is the content type of an encrypted JWK set (RFC 7517 section 7).
const sealedSet = "jwk-set+json"

// maxImported is the most keys that are imported at once.
const maxImported = 100

// Thumbprint is the SHA-256 thumbprint of a key (RFC 7638), base64url.
func Thumbprint(row store.Key) (string, error) {
	public, err := jwk.ParseKey([]byte(row.PublicKey))
	if err != nil {
		return "", fmt.Errorf("signing key %s: %w", row.ID, err)
	}
	return thumbprint(public)
}

func thumbprint(key jwk.Key) (string, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// encodeSet makes a JWK set of private keys and seals it with kek: a compact JWE
// (RFC 7516) with the key-encryption key as the content-encryption key.
func encodeSet(rows []store.Key, kek []byte) ([]byte, error) {
	set := jwk.NewSet()
	for _, row := range rows {
		key, err := privateJWK(row, kek)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
		}
		if err := set.AddKey(key); err != nil {
			return nil, err
		}
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	headers := jwe.NewHeaders()
	if err := headers.Set(jwe.ContentTypeKey, sealedSet); err != nil {
		return nil, err
	}
	return jwe.Encrypt(document, jwe.WithKey(jwa.DIRECT(), kek), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(headers))
}

// privateJWK is a key with its private part.
func privateJWK(row store.Key, kek []byte) (jwk.Key, error) {
	private, err := unseal(kek, row.ID, row.PrivateKey)
	if err != nil {
		return nil, err
	}
	key, err := jwk.Import(private)
	if err != nil {
		return nil, err
	}
	members := map[string]any{
		jwk.KeyIDKey: row.ID, jwk.AlgorithmKey: jwa.EdDSA(), jwk.KeyUsageKey: "sig",
		memberCreated: row.CreatedAt.UTC().Format(time.RFC3339Nano), memberTTL: int64(row.TokenTTL / time.Second),
	}
	for name, at := range map[string]time.Time{memberSigns: row.SignsFrom, memberVerifies: row.VerifiesUntil} {
		if !at.IsZero() {
			members[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	for name, value := range members {
		if err := key.Set(name, value); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// imported is a key of a file.
type imported struct {
	id            string
	private       ed25519.PrivateKey
	createdAt     time.Time // zero: not known, as the next two
	signsFrom     time.Time
	verifiesUntil time.Time
	tokenTTL      time.Duration
}

// decodeSet reads a JWK set, sealed with kek or plain.
func decodeSet(document, kek []byte) ([]imported, error) {
	document = bytes.TrimSpace(document)
	if !bytes.HasPrefix(document, []byte("{")) {
		opened, err := jwe.Decrypt(document, jwe.WithKey(jwa.DIRECT(), kek))
		if err != nil {
			// The cause is not told: it may hold a part of the file.
			return nil, errors.New("the file is no JWK set, or sealed with another key-encryption key")
		}
		document = opened
	}
	set, err := jwk.Parse(document)
	if err != nil {
		return nil, errors.New("the file is no JWK set")
	}
	if set.Len() > maxImported {
		return nil, fmt.Errorf("the file has %d keys, more than %d", set.Len(), maxImported)
	}
	var list []imported
	for i := range set.Len() {
		key, _ := set.Key(i)
		one, err := readImported(key)
		if err != nil {
			return nil, fmt.Errorf("key %d of the file: %w", i+1, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// readImported reads a private Ed25519 key.
func readImported(key jwk.Key) (imported, error) {
	okp, ok := key.(jwk.OKPPrivateKey)
	if !ok {
		return imported{}, errors.New("it is no private Ed25519 key (kty OKP with d)")
	}
	if curve, ok := okp.Crv(); !ok || curve != jwa.Ed25519() {
		return imported{}, errors.New("its curve is not Ed25519")
	}
	if alg, ok := key.Algorithm(); ok && alg.String() != jwa.EdDSA().String() && alg.String() != jwa.EdDSAEd25519().String() {
		return imported{}, fmt.Errorf("its alg is %q and not EdDSA", alg)
	}
	if use, ok := key.KeyUsage(); ok && use != "sig" {
		return imported{}, fmt.Errorf("its use is %q and not sig", use)
	}
	seed, _ := okp.D()
	public, _ := okp.X()
	if len(seed) != ed25519.SeedSize {
		return imported{}, errors.New("its private part has another length than 32 bytes")
	}
	one := imported{private: ed25519.NewKeyFromSeed(seed)}
	if !bytes.Equal(one.private[ed25519.SeedSize:], public) {
		return imported{}, errors.New("its public part is not that of its private part")
	}
	var err error
	if one.id, _ = key.KeyID(); one.id == "" {
		if one.id, err = thumbprint(key); err != nil {
			return imported{}, err
		}
	}
	if len(one.id) > 128 {
		return imported{}, errors.New("its kid is longer than 128 bytes")
	}
	return one, one.readLife(key)
}

// readLife reads the members of an exported key.
func (i *imported) readLife(key jwk.Key) error {
	for name, into := range map[string]*time.Time{memberCreated: &i.createdAt, memberSigns: &i.signsFrom, memberVerifies: &i.verifiesUntil} {
		if !key.Has(name) {
			continue
		}
		var text string
		if err := key.Get(name, &text); err != nil {
			return fmt.Errorf("%s is no text", name)
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fmt.Errorf("%s is no instant", name)
		}
		*into = at.UTC()
	}
	if key.Has(memberTTL) {
		var seconds float64
		if err := key.Get(memberTTL, &seconds); err != nil || seconds < 1 || seconds > 24*60*60 {
			return fmt.Errorf("%s is not from 1 to 86400 seconds", memberTTL)
		}
		i.tokenTTL = time.Duration(seconds) * time.Second
	}
	return nil
}
