package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// storeScheme marks a source that lies in the store, put there by `weightspace dataset import`.
const storeScheme = "store:"

// fetch brings the source files of a data set here, checks their sha256, converts them and
// writes the artifact, its manifest last. An artifact of the same spec is left as it is.
func fetch(ctx context.Context, s *spec.Snapshot, env *Env) error {
	if done, err := datasetFetched(ctx, s, env); err != nil || done {
		return stopped(ctx, err)
	}
	dir, err := os.MkdirTemp(env.TempDir, "weightspace-fetch-")
	if err != nil {
		return fmt.Errorf("make a folder for the source files: %w; give the pod a writable /tmp", err)
	}
	defer os.RemoveAll(dir)
	files := make(map[string]*os.File, len(s.Dataset.Files))
	defer func() {
		for _, f := range files {
			_ = f.Close() // the folder goes with them
		}
	}()
	for _, src := range s.Dataset.Files {
		f, err := os.CreateTemp(dir, "source-")
		if err != nil {
			return fmt.Errorf("keep %s while it is checked: %w", src.Role, err)
		}
		files[src.Role] = f
		if err := fetchFile(ctx, s, src, f, env); err != nil {
			return stopped(ctx, err)
		}
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Converting"})
	if err := writeDataset(ctx, s, files, env); err != nil {
		return stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Finished"})
	return nil
}

// sourceField names a source file in messages.
func sourceField(role, field string) string { return fmt.Sprintf("spec.files[%s].%s", role, field) }

// fetchFile brings one source into f and checks its sha256.
func fetchFile(ctx context.Context, s *spec.Snapshot, src spec.File, f *os.File, env *Env) error {
	report := func(done, total int64) {
		env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Fetching " + src.Role, Bytes: done, BytesTotal: total})
	}
	report(0, 0)
	var sum string
	var err error
	if path, ok := strings.CutPrefix(src.URL, storeScheme); ok {
		sum, err = copyUpload(ctx, s, src.Role, path, f, env)
	} else {
		d := &download{client: env.HTTPClient, allowed: env.HostAllowed, limit: env.MaxSourceBytes, backoff: firstBackoff, progress: report, warn: env.Log.Warn}
		sum, err = d.fetch(ctx, sourceField(src.Role, "url"), src.URL, f)
	}
	if err != nil {
		return err
	}
	if sum != src.SHA256 {
		return &InputError{
			Field: sourceField(src.Role, "sha256"), Problem: fmt.Sprintf("%s has sha256 %s, the spec says %s", src.URL, sum, src.SHA256),
			Remedy: "check the file and correct the URL or the sha256",
		}
	}
	return nil
}

// copyUpload copies <namespace>/uploads/<path> from the store into f and returns its sha256.
func copyUpload(ctx context.Context, s *spec.Snapshot, role, path string, f *os.File, env *Env) (string, error) {
	field := sourceField(role, "url")
	if err := artifact.CheckPath(path); err != nil {
		return "", &InputError{Field: field, Problem: fmt.Sprintf("store:%s is no path below the uploads: %v", path, err), Remedy: "give store:name/file as `weightspace dataset import` printed it"}
	}
	full := s.Object.Namespace + "/uploads/" + path
	r, err := env.Store.Reader(ctx, full)
	if errors.Is(err, artifact.ErrNotFound) {
		return "", &InputError{Field: field, Problem: fmt.Sprintf("%s is not in the store", full), Remedy: "put it there with `weightspace dataset import`, in the same store and namespace", Err: err}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	defer r.Close()
	n, err := io.Copy(f, io.LimitReader(r, env.MaxSourceBytes+1))
	if err != nil {
		return "", fmt.Errorf("%s: read %s: %w: %w", field, full, artifact.ErrUnavailable, err)
	}
	if n > env.MaxSourceBytes {
		e := tooLarge(n, env.MaxSourceBytes)
		e.Field = field
		return "", e
	}
	return hashFile(f)
}
