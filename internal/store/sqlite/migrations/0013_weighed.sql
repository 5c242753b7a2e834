-- What a decision was weighed by. Only added: an older program leaves it empty.

ALTER TABLE decision ADD COLUMN weighed TEXT; -- forescale.Weighing, NULL when it weighed nothing
