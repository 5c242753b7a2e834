package api

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// zoneName is the IANA name of local, the machine's zone. Go calls it "Local"
// when it comes from a file; then the files below root that name it are asked:
// the one that TZ points to, /etc/timezone, and the target of /etc/localtime. A
// name whose clock differs from local's is an old one and does not count. Where
// nothing names the zone it is "UTC".
func zoneName(local *time.Location, root, tz string) string {
	if name := local.String(); name != "Local" {
		return name
	}
	written, _ := fs.ReadFile(os.DirFS(root), "etc/timezone") // a file that is not there names nothing
	target, _ := os.Readlink(filepath.Join(root, "etc/localtime"))
	for _, name := range []string{belowZoneinfo(tz), strings.TrimSpace(string(written)), belowZoneinfo(target)} {
		if name == "" || name == "Local" {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil && sameClock(loc, local) {
			return name
		}
	}
	return "UTC"
}

// belowZoneinfo is the part of a zone file's path that names the zone.
func belowZoneinfo(path string) string {
	_, name, _ := strings.Cut(path, "zoneinfo/")
	return name
}

// sameClock reports whether two zones show the same time in each month of 2026.
func sameClock(a, b *time.Location) bool {
	for m := time.January; m <= time.December; m++ {
		t := time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC)
		_, x := t.In(a).Zone()
		_, y := t.In(b).Zone()
		if x != y {
			return false
		}
	}
	return true
}
