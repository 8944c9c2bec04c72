package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

type importFlags struct {
	store, namespace, name string
	prepareFlags
}

func newImport(a *app) *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import --store DIR --name NAME --from-dir DIR",
		Short: "Upload data files and print the Dataset that uses them",
		Long: `Uploads the files of a data set to <namespace>/uploads/<name>/ in a store and
prints the Dataset manifest with their sha256, ready for kubectl apply or
weightspace run. Files that are in the store already are not sent again.

"weightspace dataset presets" lists the data sets that are known by name.`,
		Example: `  # MNIST, with the four files under their official names
  weightspace dataset import --store ./out --name mnist --from-dir ~/mnist \
    > mnist.yaml

  # CIFAR-10 as the published zoos have it, from its archive or .bin files
  weightspace dataset import --store ./out --name cifar10 --preset cifar10 \
    --from-dir ~/cifar

  # Your own images: ~/pets/train/cat/1.jpg, ~/pets/test/dog/7.png, ...
  weightspace dataset import --store ./out --name pets --format imageFolder \
    --from-dir ~/pets --splits 3000/500/500 --resize 32 --center-crop 32

  # Other names, and a quick look at 5,000 images only
  weightspace dataset import --store ./out --name digits \
    --limit 5000/1000/1000 --train-images a.gz \
    --train-labels b.gz --test-images c.gz --test-labels d.gz`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.importDataset(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", "", "folder or URL of the store (required)")
	flags.StringVar(&f.namespace, "namespace", defaultNamespace, "namespace of the Dataset")
	flags.StringVar(&f.name, "name", "", "name of the Dataset (required)")
	f.add(cmd)
	_ = cmd.MarkFlagRequired("store")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

func (a *app) importDataset(ctx context.Context, f *importFlags) error {
	for flag, name := range map[string]string{"--name": f.name, "--namespace": f.namespace} {
		if len(name) > 63 || !namePattern.MatchString(name) {
			return inputError(flag, fmt.Sprintf("%q is not a name", name), "use up to 63 lower-case letters, digits and '-'")
		}
	}
	target, err := storeURL(f.store)
	if err != nil {
		return err
	}
	d, files, err := f.resolve(a)
	if err != nil {
		return err
	}
	defer files.remove()
	if err := hashFiles(a, d, files, f.name); err != nil {
		return err
	}
	// What cannot be planned is not uploaded.
	if _, err := plan.Dataset(d, plan.Inputs{Namespace: f.namespace, Name: f.name, StoreURL: target}); err != nil {
		return err
	}
	stores := newOpener("")
	defer stores.close()
	store, err := stores.open(ctx, target)
	if err != nil {
		return err
	}
	for i, file := range files.list {
		upload := strings.TrimPrefix(d.Files[i].URL, "store:")
		if err := uploadFile(ctx, store, f.namespace+"/uploads/"+upload, file.path, d.Files[i].SHA256); err != nil {
			return err
		}
		a.log.Info("Uploaded", "file", file.path, "sha256", d.Files[i].SHA256)
	}
	return a.printDataset(f.namespace, f.name, d)
}

// sourceFiles are the files of a data set on this machine.
type sourceFiles struct {
	list []localFile
	// scratch is a folder of files made for this run, "" if there is none.
	scratch string
	entry   *catalog.Entry
}

func (s *sourceFiles) remove() {
	if s.scratch != "" {
		_ = os.RemoveAll(s.scratch)
	}
}

// resolve makes the spec without files, and finds the files.
func (f *prepareFlags) resolve(a *app) (*v1alpha1.DatasetSpec, *sourceFiles, error) {
	if f.preset == "" && layouts[f.format] == nil {
		return nil, nil, inputError("--format", fmt.Sprintf("%q is unknown", f.format), "use one of "+strings.Join(spec.Formats, ", "))
	}
	d, entry, err := f.spec()
	if err != nil {
		return nil, nil, err
	}
	s := &sourceFiles{entry: entry}
	format := string(d.Format)
	for _, role := range fileRoles {
		for _, path := range *f.paths[role] {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				return nil, nil, inputError("--"+flagOfRole(role)+" "+path, "there is no such file", "check the path")
			}
			s.list = append(s.list, localFile{role: role, path: path, upload: uploadName(format, role, path)})
		}
	}
	switch {
	case f.dir == "" && len(s.list) == 0:
		return nil, nil, inputError("--from-dir", "no file is given", "give the folder with the files, or flags such as --train-images")
	case f.dir == "":
		return d, s, nil
	case format == spec.FormatImageFolder && imageFolders(f.dir):
		return d, s, s.pack(a, f.dir)
	}
	found, err := findFiles(format, f.dir)
	if err != nil && entry != nil {
		err = fmt.Errorf("%w; the files are at %s", err, entry.Source)
	}
	if len(s.list) > 0 { // flags go before what the folder holds
		s.merge(found)
		return d, s, nil
	}
	s.list = found
	return d, s, err
}

// merge adds the files of roles that no flag gave.
func (s *sourceFiles) merge(found []localFile) {
	given := map[string]bool{}
	for _, f := range s.list {
		given[f.role] = true
	}
	for _, f := range found {
		if !given[f.role] {
			s.list = append(s.list, f)
		}
	}
}

// pack makes one archive of folders of images.
func (s *sourceFiles) pack(a *app, dir string) (err error) {
	if s.scratch, err = os.MkdirTemp("", "weightspace-import-"); err != nil {
		return err
	}
	path := filepath.Join(s.scratch, "images.tar")
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	err = errors.Join(packFolder(dir, out), out.Close())
	if err != nil {
		s.remove()
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	a.log.Info("Packed the folder", "folder", dir)
	s.list = []localFile{{role: spec.RoleArchive, path: path, upload: "images.tar"}}
	return nil
}

// uploadName is the official name of MNIST's files, and the file's own of others.
func uploadName(format, role, path string) string {
	if format == spec.FormatIDX {
		for _, r := range layouts[format][0].roles {
			if r.role == role && strings.HasSuffix(path, ".gz") {
				return r.upload + ".gz"
			}
			if r.role == role {
				return r.upload
			}
		}
	}
	return filepath.Base(path)
}

var notInPaths = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// hashFiles computes the sums of the files and lists them in the spec.
func hashFiles(a *app, d *v1alpha1.DatasetSpec, files *sourceFiles, name string) error {
	taken := map[string]bool{}
	for _, file := range files.list {
		sum, err := hashPath(file.path)
		if err != nil {
			return fmt.Errorf("--%s: %w", flagOfRole(file.role), err)
		}
		if files.entry != nil {
			for _, official := range files.entry.Files {
				if official.Name == file.upload && official.SHA256 != "" && official.SHA256 != sum {
					a.log.Warn("This is not the official file", "file", file.path, "sha256", sum, "official", official.SHA256)
				}
			}
		}
		upload := strings.TrimLeft(notInPaths.ReplaceAllString(file.upload, "-"), ".")
		if taken[upload] || upload == "" {
			upload = fmt.Sprintf("%s-%d-%s", file.role, len(taken), upload)
		}
		taken[upload] = true
		d.Files = append(d.Files, v1alpha1.DatasetFile{Role: v1alpha1.FileRole(file.role), URL: "store:" + name + "/" + upload, SHA256: sum})
	}
	return nil
}

// printDataset writes the manifest with the fields that are set, and no others.
func (a *app) printDataset(namespace, name string, d *v1alpha1.DatasetSpec) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	b, err = yaml.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Dataset",
		"metadata": map[string]any{"name": name, "namespace": namespace}, "spec": fields,
	})
	if err != nil {
		return err
	}
	_, err = a.out.Write(b)
	return err
}

// uploadStore is what importing asks of a store.
type uploadStore interface {
	Digest(ctx context.Context, path string) (string, int64, error)
	PutReader(ctx context.Context, path string, body io.ReadSeeker) error
}

// uploadFile sends one file, unless the store has it already.
func uploadFile(ctx context.Context, store uploadStore, path, file, sum string) error {
	if have, _, err := store.Digest(ctx, path); err == nil && have == sum {
		return nil
	}
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := store.PutReader(ctx, path, r); err != nil {
		return fmt.Errorf("upload %s: %w", file, err)
	}
	have, _, err := store.Digest(ctx, path)
	if err != nil {
		return fmt.Errorf("read back %s: %w", path, err)
	}
	if have != sum {
		return fmt.Errorf("read back %s: its sha256 is %s, that of %s is %s; import again", path, have, file, sum)
	}
	return nil
}

func hashPath(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
