// Package dashboard is the page that shows planned against actual. Its sources
// are TypeScript in src; `make dashboard` builds them into dist, which is
// embedded here and never committed. Without that step the package still
// compiles and [Built] says so.
package dashboard

import (
	"embed"
	"io/fs"
)

// dist holds at least .keep, so that the directive below always finds a file.
//
//go:embed all:dist
var dist embed.FS

// Assets is the built page: index.html at the root, everything else below
// assets/ with a hash of its content in the name, so that it may be cached for
// ever. It holds no index.html when the page was not built; see [Built].
func Assets() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("dashboard: " + err.Error()) // "dist" is a valid path: cannot happen
	}
	return sub
}

// Built reports whether the page was built before this program was compiled.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// Policy is the Content-Security-Policy that the page works under. Nothing is
// inline and nothing comes from elsewhere.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
