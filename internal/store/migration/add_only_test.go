package migration

import (
	"os"
	"testing"
)

func TestAddsOnly(t *testing.T) {
	for _, c := range []struct {
		sentence, script string
		faults           int
	}{
		{"a table", "CREATE TABLE lease (id int NOT NULL, fence bigint NOT NULL);", 0},
		{"a column that may be empty", "ALTER TABLE run ADD COLUMN server text;", 0},
		{"a column with a default", "ALTER TABLE run ADD COLUMN server text NOT NULL DEFAULT '';", 0},
		{"an index, and storage settings", "CREATE INDEX a ON run (id); ALTER TABLE run SET (fillfactor = 70); DROP INDEX a;", 0},
		{"words in comments and texts", "-- DROP TABLE x;\nINSERT INTO meta VALUES ('a', 'DROP TABLE x'); -- RENAME", 0},
		{"a column that must be filled", "ALTER TABLE run ADD COLUMN server text NOT NULL;", 1},
		{"a table that goes", "CREATE TABLE a (b int); drop table run;", 1},
		{"a column that goes", "ALTER TABLE run DROP COLUMN error;", 1},
		{"a column that goes, in short", "ALTER TABLE run DROP error;", 1},
		{"another name", "ALTER TABLE run RENAME COLUMN error TO fault;", 1},
		{"another type", "ALTER TABLE run ALTER COLUMN done TYPE text;", 1},
		{"a stricter column", "ALTER TABLE run ALTER kind SET NOT NULL;", 1},
		{"a stricter table", "ALTER TABLE run ADD CONSTRAINT c CHECK (done > 0);", 1},
		{"rows that go", "DELETE FROM run;", 1},
		{"two of them, the last without a semicolon", "DROP TABLE a;\nDROP TABLE b", 2},
		{"a thing that nobody uses any more", "-- allow: unused since 0.4\nDROP TABLE a;", 0},
		{"a reason holds for one statement", "-- allow: unused since 0.4\nDROP TABLE a;\nDROP TABLE b;", 1},
		{"no reason is no reason", "-- allow: \nDROP TABLE a;", 1},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if got := AddsOnly(c.script); len(got) != c.faults {
				t.Errorf("%d faults, want %d: %v", len(got), c.faults, got)
			}
		})
	}
}

// The first script of each folder makes what is not there yet.
func TestEveryMigrationOnlyAdds(t *testing.T) {
	for _, dir := range []string{"../sqlite/migrations", "../timescale/migrations", "../timescale/extension"} {
		ms, err := Read(os.DirFS(dir))
		if err != nil || len(ms) == 0 {
			t.Fatalf("%s: %d migrations, %v", dir, len(ms), err)
		}
		for _, m := range ms[1:] {
			for _, fault := range AddsOnly(m.Script) {
				t.Errorf("%s/%04d_%s.sql %s; see docs/storage.md", dir, m.Number, m.Name, fault)
			}
		}
	}
}
