package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/report"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Where `run` leaves the report of a zoo, below its artifact. reportOf holds the digest of the manifest it was
// drawn from, so that running again draws nothing.
const (
	reportFolder = "report"
	reportOf     = "manifest-digest.txt"
)

func newReport(a *app) *cobra.Command {
	l := &locator{}
	var to string
	cmd := &cobra.Command{
		Use:   "report [URI] --to DIR",
		Short: "Draw the report of a model zoo: one HTML file, SVG and PNG figures",
		Long: `Reads the tables of a finished ModelZoo and draws accuracy distribution, learning
curves with quantile bands, and accuracy against each hyper-parameter, as one
self-contained HTML file and as SVG and PNG figures for papers.`,
		Example: `  weightspace report --store ./out --artifact default/modelzoo/mnist-small --to ./figures
  weightspace report --name mnist-small -n research --to ./figures`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			stores := newOpener("")
			defer stores.close()
			store, dir, err := l.open(cmd.Context(), args, stores)
			if err != nil {
				return err
			}
			if err := report.Write(cmd.Context(), store, dir, report.Folder(to)); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, filepath.Join(to, report.PageName))
			return err
		},
	}
	l.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "folder to write into (required)")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// storeSink writes a report into the store.
type storeSink struct {
	store *artifact.Store
	dir   string
}

func (s *storeSink) Put(ctx context.Context, name string, content []byte) error {
	return s.store.Put(ctx, s.dir+"/"+name, content)
}

// report draws the report of a finished zoo beside its artifact, unless it is there for this
// manifest, and returns where the page is.
func (l *local) report(ctx context.Context, s *spec.Snapshot, r *spec.Result) (string, error) {
	if l.noReport {
		return "", nil
	}
	store, err := l.stores.open(ctx, l.store)
	if err != nil {
		return "", err
	}
	dir := s.ArtifactPath + "/" + reportFolder
	page := l.readable(dir + "/" + report.PageName)
	if have, err := store.Get(ctx, dir+"/"+reportOf); err == nil && string(have) == r.ManifestDigest+"\n" {
		return page, nil
	}
	if err := report.Write(ctx, store, s.ArtifactPath, &storeSink{store, dir}); err != nil {
		return "", err
	}
	return page, store.Put(ctx, dir+"/"+reportOf, []byte(r.ManifestDigest+"\n"))
}

// readable is a path in the store as the user can open it.
func (l *local) readable(path string) string {
	if u, err := url.Parse(l.store); err == nil && u.Scheme == "file" {
		return filepath.Join(filepath.FromSlash(u.Path), filepath.FromSlash(path))
	}
	return path
}
