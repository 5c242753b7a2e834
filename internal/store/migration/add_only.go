package migration

import (
	"fmt"
	"regexp"
	"strings"
)

// allow is the comment by which a script takes something away all the same:
//
//	-- allow: nobody read column x for a whole minor version
//
// It stands in the line before the statement.
const allow = "-- allow: "

// takers are statements after which an older program that runs beside fails.
var takers = []struct {
	pattern *regexp.Regexp
	what    string
}{
	{regexp.MustCompile(`\bDROP\s+(TABLE|COLUMN|VIEW|MATERIALIZED|SCHEMA|DEFAULT|FUNCTION|TYPE|SEQUENCE)\b`), "drops what an older program uses"},
	{regexp.MustCompile(`\bALTER\s+TABLE\s+\S+\s+DROP\b`), "drops what an older program uses"},
	{regexp.MustCompile(`\bRENAME\b`), "renames what an older program uses"},
	{regexp.MustCompile(`\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b`), "changes the type of a column"},
	{regexp.MustCompile(`\bSET\s+NOT\s+NULL\b`), "refuses rows that an older program writes"},
	{regexp.MustCompile(`\bTRUNCATE\b|\bDELETE\s+FROM\b`), "deletes rows"},
	{regexp.MustCompile(`\bADD\s+(CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY)\b`), "refuses rows that an older program writes"},
}

var addColumn = regexp.MustCompile(`\bADD\s+(COLUMN\s+)?(IF\s+NOT\s+EXISTS\s+)?"?[A-Z_]+"?\s+[^,;]*`)

// AddsOnly tells what of a script would break an older program that runs beside,
// as two versions do during an upgrade: a line of text for each statement.
// Migrations only add, until nobody has used a thing for one minor version.
func AddsOnly(script string) (faults []string) {
	allowed := false
	var statement strings.Builder
	check := func() {
		// Words in quotes are not commands.
		text := regexp.MustCompile(`'[^']*'`).ReplaceAllString(strings.ToUpper(statement.String()), "''")
		statement.Reset()
		if allowed {
			allowed = false
			return
		}
		short := strings.Join(strings.Fields(text), " ")
		for _, t := range takers {
			if t.pattern.MatchString(text) {
				faults = append(faults, fmt.Sprintf("%s: %s", t.what, short))
				return
			}
		}
		if strings.Contains(text, "ALTER TABLE") {
			for _, c := range addColumn.FindAllString(text, -1) {
				if strings.Contains(c, "NOT NULL") && !strings.Contains(c, "DEFAULT") && !strings.Contains(c, "GENERATED") {
					faults = append(faults, "adds a column that an older program does not fill, without a default: "+short)
				}
			}
		}
	}
	for line := range strings.Lines(script) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), allow); ok && strings.TrimSpace(rest) != "" {
			allowed = true
		}
		code, _, _ := strings.Cut(line, "--")
		for {
			before, after, ends := strings.Cut(code, ";")
			statement.WriteString(before + " ")
			if !ends {
				break
			}
			check()
			code = after
		}
	}
	if strings.TrimSpace(statement.String()) != "" {
		check()
	}
	return faults
}
