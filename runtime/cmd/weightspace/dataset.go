package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// idxNames are the official names of the four files, by role.
var idxNames = []struct {
	role v1alpha1.FileRole
	name string
	flag string
}{
	{v1alpha1.FileRoleTrainImages, "train-images-idx3-ubyte", "train-images"},
	{v1alpha1.FileRoleTrainLabels, "train-labels-idx1-ubyte", "train-labels"},
	{v1alpha1.FileRoleTestImages, "t10k-images-idx3-ubyte", "test-images"},
	{v1alpha1.FileRoleTestLabels, "t10k-labels-idx1-ubyte", "test-labels"},
}

type importFlags struct {
	store, namespace, name, format, dir string
	paths                               map[v1alpha1.FileRole]*string
	splits, limit, mean, std            string
}

func newDataset(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dataset",
		Short: "Bring data into a store",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImport(a))
	return cmd
}

func newImport(a *app) *cobra.Command {
	f := &importFlags{paths: map[v1alpha1.FileRole]*string{}}
	cmd := &cobra.Command{
		Use:   "import --store DIR --name NAME --from-dir DIR",
		Short: "Upload data files and print the Dataset that uses them",
		Long: `Uploads the files of a data set to <namespace>/uploads/<name>/ in a store and prints
the Dataset manifest with their sha256, ready for kubectl apply or weightspace run.
Files that are in the store already are not sent again.`,
		Example: `  # MNIST, with the four files under their official names
  weightspace dataset import --store ./out --name mnist --from-dir ~/mnist > mnist.yaml

  # Other names, and a quick look at 5,000 images only
  weightspace dataset import --store ./out --name digits --limit 5000/1000/1000 \
    --train-images a.gz --train-labels b.gz --test-images c.gz --test-labels d.gz`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.importDataset(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", "", "folder or URL of the store (required)")
	flags.StringVar(&f.namespace, "namespace", defaultNamespace, "namespace of the Dataset")
	flags.StringVar(&f.name, "name", "", "name of the Dataset (required)")
	flags.StringVar(&f.format, "format", string(v1alpha1.DatasetFormatIDX), "format of the files: idx")
	flags.StringVar(&f.dir, "from-dir", "", "folder that holds the four files under their official names, plain or .gz")
	for _, n := range idxNames {
		f.paths[n.role] = flags.String(n.flag, "", "file of the "+strings.ReplaceAll(n.flag, "-", " "))
	}
	flags.StringVar(&f.splits, "splits", "50000/10000/10000", "images for train/validation/test")
	flags.StringVar(&f.limit, "limit", "", "keep only the first images of train/validation/test, such as 5000/1000/1000")
	flags.StringVar(&f.mean, "mean", "0.1307", "mean of pixels in [0, 1], one for each channel, comma-separated")
	flags.StringVar(&f.std, "std", "0.3081", "standard deviation of pixels in [0, 1], one for each channel, comma-separated")
	_ = cmd.MarkFlagRequired("store")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

func (a *app) importDataset(ctx context.Context, f *importFlags) error {
	if f.format != string(v1alpha1.DatasetFormatIDX) {
		return inputError("--format", fmt.Sprintf("%q is unknown", f.format), "use idx")
	}
	for flag, name := range map[string]string{"--name": f.name, "--namespace": f.namespace} {
		if len(name) > 63 || !namePattern.MatchString(name) {
			return inputError(flag, fmt.Sprintf("%q is not a name", name), "use up to 63 lower-case letters, digits and '-'")
		}
	}
	manifest, err := f.manifest()
	if err != nil {
		return err
	}
	paths, err := f.resolve()
	if err != nil {
		return err
	}
	target, err := storeURL(f.store)
	if err != nil {
		return err
	}
	stores := newOpener("")
	defer stores.close()
	store, err := stores.open(ctx, target)
	if err != nil {
		return err
	}
	files := []map[string]any{}
	for _, n := range idxNames {
		sum, err := hashPath(paths[n.role])
		if err != nil {
			return fmt.Errorf("--%s: %w", n.flag, err)
		}
		upload := f.name + "/" + n.name
		if strings.HasSuffix(paths[n.role], ".gz") {
			upload += ".gz"
		}
		if err := uploadFile(ctx, store, f.namespace+"/uploads/"+upload, paths[n.role], sum); err != nil {
			return err
		}
		a.log.Info("Uploaded", "file", paths[n.role], "sha256", sum)
		files = append(files, map[string]any{"role": string(n.role), "url": "store:" + upload, "sha256": sum})
	}
	manifest["spec"].(map[string]any)["files"] = files
	b, err := yaml.Marshal(manifest)
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

// resolve finds the four files, from the flags or in the folder.
func (f *importFlags) resolve() (map[v1alpha1.FileRole]string, error) {
	out := map[v1alpha1.FileRole]string{}
	var missing []error
	for _, n := range idxNames {
		path := *f.paths[n.role]
		if path == "" && f.dir != "" {
			path = findFile(f.dir, n.name)
		}
		switch {
		case path == "" && f.dir != "":
			missing = append(missing, inputError("--from-dir "+f.dir, fmt.Sprintf("neither %s nor %s.gz is in there", n.name, n.name), "give --"+n.flag+" FILE"))
		case path == "":
			missing = append(missing, inputError("--"+n.flag, "no file is given", "give it, or --from-dir"))
		}
		out[n.role] = path
	}
	return out, errors.Join(missing...)
}

func findFile(dir, name string) string {
	for _, candidate := range []string{name + ".gz", name, strings.Replace(name, "-idx", ".idx", 1), strings.Replace(name, "-idx", ".idx", 1) + ".gz"} {
		path := filepath.Join(dir, candidate)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// manifest is the Dataset without its files.
func (f *importFlags) manifest() (map[string]any, error) {
	splits, err := counts("--splits", f.splits)
	if err != nil {
		return nil, err
	}
	s := map[string]any{
		"format": f.format, "splits": splits,
		"normalization": map[string]any{"mean": strings.Split(f.mean, ","), "std": strings.Split(f.std, ",")},
	}
	if f.limit != "" {
		limit, err := counts("--limit", f.limit)
		if err != nil {
			return nil, err
		}
		for k, v := range limit {
			if v == 0 {
				delete(limit, k)
			}
		}
		s["limit"] = limit
	}
	return map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Dataset",
		"metadata": map[string]any{"name": f.name, "namespace": f.namespace}, "spec": s,
	}, nil
}

func counts(flag, text string) (map[string]int, error) {
	parts := strings.Split(text, "/")
	out := map[string]int{}
	for i, name := range []string{"train", "validation", "test"} {
		if len(parts) != 3 {
			return nil, inputError(flag, fmt.Sprintf("%q is not train/validation/test", text), "write such as 5000/1000/1000")
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 || n > 100_000_000 {
			return nil, inputError(flag, fmt.Sprintf("%q is not a number of images", parts[i]), "write such as 5000/1000/1000")
		}
		out[name] = n
	}
	return out, nil
}
