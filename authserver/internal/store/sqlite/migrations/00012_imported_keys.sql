-- Until when an imported key is published that signs nothing here, but has signed
-- tokens elsewhere that have not expired.
ALTER TABLE jwks ADD COLUMN verifies_until INTEGER;
