package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

const importSourceField = "spec.import.source."

// openImport opens the files of a zoo: a folder of this machine, or an archive that is fetched and checked first.
func openImport(ctx context.Context, s *spec.Snapshot, env *Env) (importer.Source, func(), error) {
	if env.ImportFrom != nil {
		return env.ImportFrom, func() {}, nil
	}
	im := s.Zoo.Import
	if strings.HasPrefix(im.URL, plan.FolderScheme) {
		return nil, nil, &InputError{Field: importSourceField + "url", Problem: im.URL + " was a folder of another machine", Remedy: "run `weightspace import --from DIR` where the files are, or pack them and give the archive's URL"}
	}
	dir, err := os.MkdirTemp(env.TempDir, "weightspace-import-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for the archive: %w; give the pod a writable /tmp", err)
	}
	remove := func() { _ = os.RemoveAll(dir) } // temporary
	f, err := fetchArchive(ctx, s, env, dir)
	if err != nil {
		remove()
		return nil, nil, err
	}
	source, err := openFetched(f, im, dir)
	if err != nil {
		_ = f.Close()
		remove()
		return nil, nil, &InputError{Field: importSourceField + "url", Problem: err.Error(), Remedy: "give a zip, tar or tar.gz archive that can be read", Err: err}
	}
	return source, func() {
		_ = source.Close() // everything is read
		_ = f.Close()
		remove()
	}, nil
}

// fetchArchive brings the archive here and checks its sha256.
func fetchArchive(ctx context.Context, s *spec.Snapshot, env *Env, dir string) (*os.File, error) {
	im := s.Zoo.Import
	store, err := env.datasetStore(s.Store)
	if err != nil {
		return nil, err
	}
	from := &sourceOpener{snapshot: s, store: store, env: env, buckets: map[string]*artifact.Store{}}
	defer from.close()
	src, err := from.open(ctx, im.URL)
	var input *InputError
	if errors.As(err, &input) {
		input.Field = importSourceField + "url"
	}
	if err != nil {
		return nil, err
	}
	all := newDownloads(env, newMeter(env, 1))
	if env.tune != nil {
		env.tune(all)
	}
	f, err := os.CreateTemp(dir, "source-")
	if err != nil {
		return nil, fmt.Errorf("keep the archive while it is read: %w", err)
	}
	t := &transfer{downloads: all, field: importSourceField + "url", sha256: im.SHA256, src: src, file: f}
	sum, err := t.fetch(ctx)
	if err == nil && sum != im.SHA256 {
		err = &InputError{
			Field: importSourceField + "sha256", Problem: fmt.Sprintf("%s has sha256 %s, the spec says %s", im.URL, sum, im.SHA256),
			Remedy: "check the file and correct the URL or the sha256",
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openFetched opens an archive; a file of torch.save, which is a zip archive too, is a source of one file.
func openFetched(f *os.File, im *spec.Import, dir string) (importer.Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	source, err := importer.OpenArchive(f, info.Size(), dir)
	if im.Layout != importer.Pickled {
		return source, err
	}
	if err == nil && !isTorchFile(source) {
		return source, nil
	}
	if err == nil {
		_ = source.Close()
	}
	return importer.OpenFile(path.Base(im.URL), f, info.Size()), nil
}

func isTorchFile(source importer.Source) bool {
	for _, name := range source.Files() {
		if path.Base(name) == "data.pkl" {
			return true
		}
	}
	return false
}
