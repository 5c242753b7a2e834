-- What single minutes do around a forecast. Only added: an older program leaves it empty.

ALTER TABLE forecast ADD COLUMN minutes TEXT; -- forescale.Minutes, NULL when not known
