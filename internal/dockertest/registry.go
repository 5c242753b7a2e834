package dockertest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/api/types/image"
)

// Registry serves one small image on loopback, from where engines fetch without TLS.
type Registry struct {
	Ref string // of the image

	asked atomic.Int64
}

// Asked is how often an engine asked which layers the image has.
func (r *Registry) Asked() int { return int(r.asked.Load()) }

// NewRegistry serves an image that no engine has yet, and in which nothing runs. It is
// removed from the engine when the test ends.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	name := fmt.Sprintf("forescale-test/pulled-%s-%d", run, cases.Add(1))
	plain := new(bytes.Buffer)
	w := tar.NewWriter(plain)
	_ = w.WriteHeader(&tar.Header{Name: "name", Mode: 0o644, Size: int64(len(name))})
	_, _ = w.Write([]byte(name))
	_ = w.Close()
	layer := new(bytes.Buffer)
	zip := gzip.NewWriter(layer)
	_, _ = zip.Write(plain.Bytes())
	_ = zip.Close()

	type object = map[string]any
	blobs := map[string][]byte{}
	add := func(mediaType string, blob []byte) object {
		digest := digestOf(blob)
		blobs[digest] = blob
		return object{"mediaType": mediaType, "size": len(blob), "digest": digest}
	}
	text := func(v object) []byte { b, _ := json.Marshal(v); return b }
	const manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	manifest := text(object{"schemaVersion": 2, "mediaType": manifestType,
		"config": add("application/vnd.docker.container.image.v1+json", text(object{"architecture": "amd64", "os": "linux", "config": object{"Cmd": []string{"/nothing"}, "Labels": object{Label: run}},
			"rootfs": object{"type": "layers", "diff_ids": []string{digestOf(plain.Bytes())}}})),
		"layers": []object{add("application/vnd.docker.image.rootfs.diff.tar.gzip", layer.Bytes())}})
	blobs[digestOf(manifest)] = manifest

	r := &Registry{}
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/v2/"+name+"/manifests/{which}", func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet {
			r.asked.Add(1)
		}
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", digestOf(manifest))
		_, _ = w.Write(manifest)
	})
	mux.HandleFunc("/v2/"+name+"/blobs/{digest}", func(w http.ResponseWriter, q *http.Request) {
		blob, there := blobs[q.PathValue("digest")]
		if !there {
			http.NotFound(w, q)
			return
		}
		_, _ = w.Write(blob)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.Ref = strings.TrimPrefix(server.URL, "http://") + "/" + name + ":1"
	cli := Engine(t)
	t.Cleanup(func() { _, _ = cli.ImageRemove(context.Background(), r.Ref, image.RemoveOptions{Force: true}) })
	return r
}

func digestOf(blob []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(blob)) }
