-- How far a user is let into what is not there for everybody yet.
ALTER TABLE users ADD COLUMN access_tier TEXT NOT NULL DEFAULT 'public'
    CHECK (access_tier IN ('guest', 'public', 'beta', 'alpha', 'founder'));
