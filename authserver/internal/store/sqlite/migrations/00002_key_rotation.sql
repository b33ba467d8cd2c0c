-- A key that is there has signed from the beginning, and tokens that live as
-- long as any may. Durations are milliseconds.

-- +goose Up
ALTER TABLE jwks ADD COLUMN signs_from INTEGER;
ALTER TABLE jwks ADD COLUMN token_ttl INTEGER NOT NULL DEFAULT 86400000;
ALTER TABLE jwks ADD COLUMN retired_at INTEGER;
UPDATE jwks SET signs_from = created_at;

-- +goose Down
ALTER TABLE jwks DROP COLUMN retired_at;
ALTER TABLE jwks DROP COLUMN token_ttl;
ALTER TABLE jwks DROP COLUMN signs_from;
