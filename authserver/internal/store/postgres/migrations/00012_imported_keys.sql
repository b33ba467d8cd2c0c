-- Ours: until when an imported key is published that signs nothing here, but has
-- signed tokens elsewhere that have not expired.
ALTER TABLE auth.signing_keys ADD COLUMN verifies_until timestamptz;
