-- Since when a ready instance takes no load, as its probe or health check fails.
-- Only added: an older program leaves it empty.

ALTER TABLE instance ADD COLUMN unready_since INTEGER; -- NULL: it takes load, or is not ready at all

-- Of the template that an instance was made from, and how far a service's follow it.
ALTER TABLE instance ADD COLUMN revision TEXT NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN rollout TEXT; -- forescale.Rollout, NULL while none is known
