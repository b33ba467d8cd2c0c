-- How far a user is let into what is not there for everybody yet. Databases of
-- the existing service have type and column since 2026.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'access_tier' AND typnamespace = 'auth'::regnamespace) THEN
        CREATE TYPE auth.access_tier AS ENUM ('guest', 'public', 'beta', 'alpha', 'founder');
    END IF;
END
$$;

ALTER TABLE auth.users ADD COLUMN IF NOT EXISTS access_tier auth.access_tier NOT NULL DEFAULT 'public';
