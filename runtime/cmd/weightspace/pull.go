package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func newPull(a *app) *cobra.Command {
	l := &locator{}
	var to string
	cmd := &cobra.Command{
		Use:   "pull [URI] --to DIR",
		Short: "Bring an artifact home, every file checked",
		Long: `Copies an artifact from its store into a folder and checks every file against the
manifest's sha256. Files that are there already and right are not fetched again, so
an interrupted pull continues. manifest.json comes last: a folder that has it is whole.`,
		Example: `  # By the object in the cluster (store credentials: the usual variables)
  weightspace pull --name mnist-small -n research --to ./mnist-small

  # By URI, or by folder
  weightspace pull s3://zoo-bucket/research/modelzoo/mnist-small --to ./mnist-small
  weightspace pull --store ./out --artifact default/modelzoo/mnist-small --to ./copy`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			stores := newOpener("")
			defer stores.close()
			store, dir, err := l.open(cmd.Context(), args, stores)
			if err != nil {
				return err
			}
			return a.pull(cmd.Context(), store, dir, to)
		},
	}
	l.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "folder to write into (required)")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &usageError{fmt.Errorf("unknown argument %q; see `%s --help`", args[1], cmd.CommandPath())}
	}
	return nil
}

func (a *app) pull(ctx context.Context, store *artifact.Store, dir, to string) error {
	m, digest, err := store.ReadManifest(ctx, dir)
	if errors.Is(err, artifact.ErrNotFound) {
		return inputError(dir, "there is no manifest.json in this folder of the store", "check the path; an artifact that is not finished has none")
	}
	if err != nil {
		return err
	}
	fetched := 0
	for _, f := range m.Files {
		path := filepath.Join(to, filepath.FromSlash(f.Path)) // f.Path was checked to be clean and relative
		if sum, err := hashPath(path); err == nil && sum == f.SHA256 {
			continue
		}
		if err := pullFile(ctx, store, dir, f, path); err != nil {
			return err
		}
		fetched++
	}
	for _, name := range []string{"run.json", "timing.parquet", artifact.ManifestName} {
		b, err := store.Get(ctx, dir+"/"+name)
		if errors.Is(err, artifact.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if name == artifact.ManifestName && artifact.Digest(b) != digest {
			return fmt.Errorf("%s: the artifact changed while it was pulled; pull again", dir)
		}
		if err := writeWhole(filepath.Join(to, name), strings.NewReader(string(b)), ""); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.out, "%s: %d files, %s, %d of them fetched, all checked\n  result  %s\n", to, len(m.Files), bytesText(m.Size()), fetched, m.ResultDigest)
	return nil
}

func pullFile(ctx context.Context, store *artifact.Store, dir string, f artifact.FileEntry, path string) error {
	r, err := store.Reader(ctx, dir+"/"+f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := writeWhole(path, io.LimitReader(r, f.Size+1), f.SHA256); err != nil {
		return fmt.Errorf("pull %s: %w", f.Path, err)
	}
	return nil
}

// writeWhole writes a file beside its place, checks its sha256 (unless it is "") and moves it
// there: a reader never sees half a file.
func writeWhole(path string, r io.Reader, sum string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".pull-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.Copy(tmp, r)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	if sum != "" {
		have, err := hashPath(tmp.Name())
		if err != nil {
			return err
		}
		if have != sum {
			return fmt.Errorf("its sha256 is %s, the manifest says %s; pull again, and if it stays so the store is damaged", have, sum)
		}
	}
	return os.Rename(tmp.Name(), path)
}
