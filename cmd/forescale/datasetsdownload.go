package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets/traces"
)

func newDatasetsDownload(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "download NAME...",
		Short: "Download public traces, check them, and convert them to history files",
		Long: `Download traces from where they are published, hold each file against its checksum, and
convert it to CSV with the header timestamp,series,value, packed with gzip: NAME.csv.gz. A file
appears whole or not at all. What is there already is left as it is.

Mind each trace's terms; forescale passes nothing of it on.`,
		Example:   "  forescale datasets download clarknet_http_1min --to traces\n  forescale forecast bench traces",
		ValidArgs: traceNames(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("NAME is missing", "`forescale datasets` lists the traces")
			}
			return nil
		},
	}
	var to, mirror string
	cmd.Flags().StringVar(&to, "to", ".", "folder for the files; made if it is not there")
	cmd.Flags().StringVar(&mirror, "mirror", "", "take files from URL/OWNER/NAME/COMMIT/PATH instead of GitHub")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.datasetsDownload(cmd.Context(), args, to, mirror)
	}
	return cmd
}

func (a *app) datasetsDownload(ctx context.Context, names []string, to, mirror string) error {
	var wanted []traces.Trace
	for _, name := range names { // before anything is downloaded
		t, err := traceOf(name)
		if err != nil {
			return err
		}
		wanted = append(wanted, t)
	}
	for _, t := range wanted {
		if err := a.download(ctx, t, filepath.Join(to, t.Name+".csv.gz"), mirror); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) download(ctx context.Context, t traces.Trace, path, mirror string) error {
	switch _, err := os.Stat(path); {
	case err == nil:
		_, err = fmt.Fprintf(a.stderr, "note: %s is there already; remove it to download it again\n", path)
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return &forescale.Fault{Code: "output_unwritable", What: "cannot look at the file: " + reason(err), Where: path, Help: "name another folder with --to", Err: err}
	}
	var got atomic.Int64
	bar := a.progress(t.Size(), got.Load)
	rows, err := traces.Origin{Base: mirror, Got: func(n int) { got.Add(int64(n)) }}.Get(ctx, t)
	bar.finish()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return &forescale.Fault{Code: "output_unwritable", What: "cannot make the folder: " + reason(err), Where: filepath.Dir(path), Help: "name another one with --to", Err: err}
	}
	err = writeWhole(path, func(w io.Writer) error {
		packed := gzip.NewWriter(w)
		return errors.Join(traces.Write(packed, rows), packed.Close())
	})
	if err != nil {
		return err
	}
	a.hint("Terms of %s: %s.", t.Name, t.Licence)
	return a.line([]string{path, strconv.Itoa(len(rows)) + " rows", t.Parser.String()})
}
