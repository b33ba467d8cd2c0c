-- What a server stores to find out whether it can.
CREATE TABLE readiness (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
INSERT INTO readiness (id, at) VALUES (1, 0);
