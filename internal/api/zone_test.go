package api

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheServersZoneHasAnIANAName(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	data, err := os.ReadFile("/usr/share/zoneinfo/Europe/Berlin")
	if err != nil {
		t.Skip("no zone files here:", err)
	}
	local, err := time.LoadLocationFromTZData("Local", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		local    *time.Location
		tz       string
		timezone string // content of /etc/timezone
		link     string // target of /etc/localtime
		want     string
	}{
		{"a zone that has a name keeps it", berlin, "", "", "", "Europe/Berlin"},
		{"TZ may name a file", local, ":/usr/share/zoneinfo/Europe/Berlin", "", "", "Europe/Berlin"},
		{"/etc/timezone names it", local, "", "Europe/Berlin\n", "", "Europe/Berlin"},
		{"the target of /etc/localtime names it", local, "", "", "../usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"},
		{"an old /etc/timezone does not count", local, "", "America/New_York\n", "/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"},
		{"nonsense names nothing", local, "", "Mars/North\n", "/nowhere", "UTC"},
		{"nothing names it", local, "", "", "", "UTC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			etc := filepath.Join(root, "etc")
			if err := os.Mkdir(etc, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.timezone != "" {
				if err := os.WriteFile(filepath.Join(etc, "timezone"), []byte(c.timezone), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if c.link != "" {
				if err := os.Symlink(c.link, filepath.Join(etc, "localtime")); err != nil {
					t.Fatal(err)
				}
			}
			if got := zoneName(c.local, root, c.tz); got != c.want {
				t.Errorf("zone is %q, want %q", got, c.want)
			}
		})
	}
}
