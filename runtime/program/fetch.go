package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// fetch brings the source files of a data set here, checks their sha256, converts them and
// writes the artifact, its manifest last. An artifact of the same spec is left as it is. Finished pieces of files lie in the store
// below the artifact meanwhile.
func fetch(ctx context.Context, s *spec.Snapshot, env *Env) error {
	store, err := env.datasetStore(s.Store)
	if err != nil {
		return err
	}
	done, err := datasetFetched(ctx, s, env)
	if err == nil && !done {
		err = fetchAndConvert(ctx, s, store, env)
	}
	var input *InputError
	if err == nil || errors.As(err, &input) {
		// Nothing will go on from the pieces: the data set is complete, or can never be.
		if _, derr := store.DeletePrefix(ctx, s.ArtifactPath+"/"+fetchFolder); derr != nil {
			err = errors.Join(err, fmt.Errorf("remove fetched pieces: %w", derr))
		}
	}
	if err != nil {
		return stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Finished"})
	return nil
}

func fetchAndConvert(ctx context.Context, s *spec.Snapshot, store *artifact.Store, env *Env) error {
	dir, err := os.MkdirTemp(env.TempDir, "weightspace-fetch-")
	if err != nil {
		return fmt.Errorf("make a folder for the source files: %w; give the pod a writable /tmp", err)
	}
	defer os.RemoveAll(dir)
	if err := fetchFiles(ctx, s, store, dir, env); err != nil {
		return err
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Converting"})
	return writeDataset(ctx, s, dir, env)
}

// sourcePath is where source file i lies while it is checked and read.
func sourcePath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("source-%d", i)) }

// sourceField names source file i in messages: by its role, or by its name where several have the role.
func sourceField(files []spec.File, i int, field string) string {
	name := files[i].Role
	for j := range files {
		if j != i && files[j].Role == name {
			name = path.Base(files[i].URL)
			break
		}
	}
	return fmt.Sprintf("spec.files[%s].%s", name, field)
}

// fetchFiles brings all source files into dir, several at a time.
func fetchFiles(ctx context.Context, s *spec.Snapshot, store *artifact.Store, dir string, env *Env) error {
	files := s.Dataset.Files
	meter := newMeter(env, len(files))
	all := newDownloads(env, meter)
	if env.tune != nil {
		env.tune(all)
	}
	from := &sourceOpener{snapshot: s, store: store, env: env, buckets: map[string]*artifact.Store{}}
	defer from.close()
	transfers := make([]*transfer, len(files))
	for i := range files {
		src, err := from.open(ctx, files[i].URL)
		var input *InputError
		if errors.As(err, &input) {
			input.Field = sourceField(files, i, "url")
		}
		if err != nil {
			return err
		}
		transfers[i] = &transfer{downloads: all, field: sourceField(files, i, "url"), sha256: files[i].SHA256, src: src}
		if !strings.HasPrefix(files[i].URL, storeScheme) {
			transfers[i].keep = &keeper{store: store, dir: s.ArtifactPath + "/" + fetchFolder + "/" + files[i].SHA256}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, t := range transfers {
		group.Go(func() error { return fetchFile(ctx, t, sourcePath(dir, i), files, i) })
	}
	return group.Wait()
}

// fetchFile brings one source to path and checks its sha256.
func fetchFile(ctx context.Context, t *transfer, path string, files []spec.File, i int) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // below our own temporary folder
	if err != nil {
		return fmt.Errorf("keep %s while it is checked: %w", files[i].Role, err)
	}
	defer f.Close()
	t.file = f
	sum, err := t.fetch(ctx)
	if err != nil {
		return err
	}
	if sum != t.sha256 {
		return &InputError{
			Field: sourceField(files, i, "sha256"), Problem: fmt.Sprintf("%s has sha256 %s, the spec says %s", files[i].URL, sum, t.sha256),
			Remedy: "check the file and correct the URL or the sha256",
		}
	}
	t.meter.finish(t)
	return nil
}

// sourceOpener opens source files by URL.
type sourceOpener struct {
	snapshot *spec.Snapshot
	store    *artifact.Store
	env      *Env
	buckets  map[string]*artifact.Store
}

// open tells what kind of source a URL is. Mistakes are *InputError without a field.
func (o *sourceOpener) open(ctx context.Context, rawURL string) (remote, error) {
	if path, ok := strings.CutPrefix(rawURL, storeScheme); ok {
		return newUploadRemote(o.snapshot, o.store, path)
	}
	if !isBucketURL(rawURL) {
		return newHTTPRemote(o.env.HTTPClient, rawURL, o.env.HostAllowed)
	}
	url, key, err := bucketSource(o.snapshot.Store, rawURL)
	if err != nil {
		return nil, err
	}
	bucket, ok := o.buckets[url]
	if !ok {
		if bucket, err = o.env.OpenBucket(ctx, url); err != nil {
			return nil, fmt.Errorf("%s: %w", rawURL, err)
		}
		o.buckets[url] = bucket
	}
	return &storeRemote{store: bucket, path: key, label: rawURL, absent: "check the bucket and the path"}, nil
}

func (o *sourceOpener) close() {
	for _, b := range o.buckets {
		_ = b.Close()
	}
}
