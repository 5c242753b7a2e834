package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// defaultPolicy lets the page use what comes with it and nothing else.
const defaultPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// notBuilt is shown instead of the page.
const notBuilt = `forescale is running; its dashboard was not built into this program.

Build it with:  make dashboard
then build and start forescale again.

The API works without it: /openapi.json describes it, "forescale services" shows the same on a terminal.
`

// page is the built dashboard. index is nil when it was not built.
type page struct {
	files fs.FS
	index []byte
	etag  string
}

func loadPage(files fs.FS) page {
	p := page{files: files}
	if files == nil {
		return p
	}
	if b, err := fs.ReadFile(files, "index.html"); err == nil {
		sum := sha256.Sum256(b)
		p.index, p.etag = b, `"`+hex.EncodeToString(sum[:8])+`"`
	}
	return p
}

// pageRoutes are open to all: the page holds no data, and asks for a key when the
// API answers 401.
func (a *API) pageRoutes(r chi.Router) {
	r.Get("/", a.index)
	r.Head("/", a.index)
}

func (a *API) index(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", a.cfg.Policy)
	if a.page.index == nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(notBuilt))
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.page.etag)
	http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(a.page.index))
}

// notFound serves the page's files, the page itself for its own paths, and a
// problem for all else.
func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if read && a.page.index != nil && !strings.HasPrefix(r.URL.Path, "/v1/") {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if info, err := fs.Stat(a.page.files, name); err == nil && !info.IsDir() {
			a.file(w, r, name)
			return
		}
		if path.Ext(name) == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
			a.index(w, r)
			return
		}
	}
	newProblem(http.StatusNotFound, "not_found", r.URL.Path+" does not exist", "see /openapi.json").write(w)
}

func (a *API) file(w http.ResponseWriter, r *http.Request, name string) {
	if strings.HasPrefix(name, "assets/") { // their names hold a hash of their content
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, a.page.files, name)
}
