-- Since when a ready instance takes no load, as its probe or health check fails.
-- Only added: an older program leaves it empty.

ALTER TABLE instance ADD COLUMN unready_since timestamptz; -- NULL: it takes load, or is not ready at all
