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

// Where `run` leaves the report of a zoo or an analysis, below its artifact. reportOf holds the digest of the manifest it was
// drawn from, so that running again draws nothing.
const (
	reportFolder = "report"
	reportOf     = "manifest-digest.txt"
)

func newReport(a *app) *cobra.Command {
	l := &locator{}
	var to string
	cmd := &cobra.Command{
		Use:   "report [URI...] --to DIR",
		Short: "Draw the report of a zoo or its analysis",
		Long: `Reads the tables of a finished ModelZoo and draws accuracy distribution, learning
curves with quantile bands, accuracy against each hyper-parameter and what
became of sparse twins; or those of a ZooAnalysis: its maps of weight space,
trajectories, similarities, probes and averages. All is one self-contained HTML
file, and SVG and PNG figures for papers. Several zoos are drawn side by side,
as zoos.html.`,
		Example: `  weightspace report --store ./out --artifact default/modelzoo/mnist-small --to ./figures
  weightspace report --name mnist-small -n research --to ./figures
  weightspace report out/default/zooanalysis/mnist-study --to ./study
  weightspace report out/default/modelzoo/mnist-seed out/default/modelzoo/mnist-hyp --to ./both`,
		RunE: func(cmd *cobra.Command, args []string) error {
			stores := newOpener("")
			defer stores.close()
			if len(args) > 1 {
				return a.compareZoos(cmd.Context(), l, args, stores, to)
			}
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

// compareZoos draws several zoos side by side.
func (a *app) compareZoos(ctx context.Context, l *locator, uris []string, stores *opener, to string) error {
	places := make([]report.Place, 0, len(uris))
	for _, uri := range uris {
		store, dir, err := l.open(ctx, []string{uri}, stores)
		if err != nil {
			return err
		}
		places = append(places, report.Place{Store: store, Dir: dir})
	}
	if err := report.WriteZoos(ctx, places, report.Folder(to)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, filepath.Join(to, report.ZoosPage))
	return err
}

// storeSink writes a report into the store.
type storeSink struct {
	store *artifact.Store
	dir   string
}

func (s *storeSink) Put(ctx context.Context, name string, content []byte) error {
	return s.store.Put(ctx, s.dir+"/"+name, content)
}

// report draws the report of a finished zoo or analysis beside its artifact, unless it is there for this
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
