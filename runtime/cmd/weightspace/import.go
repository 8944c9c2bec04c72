package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// importGCPercent lets the heap grow to five times what is in use.
const importGCPercent = 400

// zooImportFlags are the flags of `weightspace import`.
type zooImportFlags struct {
	store, namespace, name string
	layout, from, dataset  string
	maxAbs                 string
	keepNonFinite          bool
	json, noReport         bool
	membersPerShard        int
	compute                computeFlags
}

func newZooImport(a *app) *cobra.Command {
	f := &zooImportFlags{}
	cmd := &cobra.Command{
		Use:   "import --layout LAYOUT --from PATH --name NAME --store DIR",
		Short: "Make a ModelZoo of networks that were trained elsewhere",
		Long: `Reads the networks in a folder or a zip, tar or tar.gz archive and makes a ModelZoo
of them, with the tables, the report and the layout of every other: index, export,
report and analyses work on it. Files are only read; pickles run no code.

Layouts:
  rayTune      a folder for each trial with params.json, result.json and
               checkpoint_<n>/checkpoints, as the published model zoos have
  huggingFace  a folder for each model with config.json and model.safetensors
  pickled      a .pt file with trainset, valset and testset of state dicts

A model with NaN weights, missing files or other shapes is left out, counted, and
named in the artifact's import.json. In a cluster, spec.import of a ModelZoo does
the same with an archive's URL.`,
		Example: `  # A published zoo, unpacked
  weightspace import --layout rayTune --from ./tune_zoo_mnist_uniform --name mnist-published --store ./out

  # Its archive as it was downloaded, without models with weights beyond 100
  weightspace import --layout rayTune --from zoo.zip --max-abs-weight 100 --name mnist-published --store ./out`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.importZoo(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", "", "folder or URL of the store (required)")
	flags.StringVar(&f.namespace, "namespace", defaultNamespace, "namespace of the ModelZoo")
	flags.StringVar(&f.name, "name", "", "name of the ModelZoo (required)")
	flags.StringVar(&f.layout, "layout", "", "layout of the files: rayTune, huggingFace or pickled (required)")
	flags.StringVar(&f.from, "from", "", "folder or archive with the files (required)")
	flags.StringVar(&f.dataset, "dataset", "", "name of the Dataset in the store that the models were trained on; optional")
	flags.StringVar(&f.maxAbs, "max-abs-weight", "", "leave out models with a weight of larger magnitude; default: no bound")
	flags.BoolVar(&f.keepNonFinite, "keep-non-finite", false, "keep models with NaN or infinite weights; they count as diverged")
	flags.IntVar(&f.membersPerShard, "members-per-shard", 64, "models that share the files of an epoch; never changes results")
	flags.BoolVar(&f.json, "json", false, "write progress and results to standard output as JSON lines")
	flags.BoolVar(&f.noReport, "no-report", false, "do not draw the zoo's report")
	f.compute.add(cmd)
	for _, name := range []string{"store", "name", "layout", "from"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func (a *app) importZoo(ctx context.Context, f *zooImportFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	source, sum, closer, err := openLocalSource(f.from, f.layout)
	if err != nil {
		return err
	}
	defer closer()
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
	// An import makes much short-lived memory and keeps little: collecting less often makes it faster.
	defer debug.SetGCPercent(debug.SetGCPercent(importGCPercent))
	env := program.Env{Store: store, Log: a.log, Host: hostName(), Version: version(), ImportFrom: source}
	if err := f.compute.apply(&env); err != nil {
		return err
	}
	snap, err := f.plan(ctx, store, target, sum)
	if err != nil {
		return err
	}
	l := &local{app: a, env: env, store: target, show: a.display(f.json), stores: stores, noReport: f.noReport}
	defer l.show.close()
	return l.runPlannedZoo(ctx, snap)
}

func (f *zooImportFlags) check() error {
	for flag, name := range map[string]string{"--name": f.name, "--namespace": f.namespace} {
		if len(name) > 63 || !namePattern.MatchString(name) {
			return inputError(flag, fmt.Sprintf("%q is not a name", name), "use up to 63 lower-case letters, digits and '-'")
		}
	}
	if !slices.Contains(importer.Layouts, f.layout) {
		return inputError("--layout", fmt.Sprintf("%q is unknown", f.layout), "use one of "+strings.Join(importer.Layouts, ", "))
	}
	if f.membersPerShard < 1 || f.membersPerShard > 4096 {
		return inputError("--members-per-shard", fmt.Sprintf("%d models", f.membersPerShard), "use 1 to 4096")
	}
	return nil
}

// openLocalSource opens a folder, or an archive, of which it gives the sha256.
func openLocalSource(from, layout string) (source importer.Source, sum string, closer func(), err error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, "", nil, inputError("--from", err.Error(), "check the path")
	}
	if info.IsDir() {
		if source, err = importer.OpenFolder(from); err != nil {
			return nil, "", nil, err
		}
		return source, "", func() { _ = source.Close() }, nil
	}
	if sum, err = hashPath(from); err != nil {
		return nil, "", nil, err
	}
	file, err := os.Open(from)
	if err != nil {
		return nil, "", nil, err
	}
	source, err = importer.OpenArchive(file, info.Size(), "")
	if layout == importer.Pickled && (err != nil || isTorch(source)) {
		source, err = importer.OpenFile(filepath.Base(from), file, info.Size()), nil
	}
	if err != nil {
		_ = file.Close()
		return nil, "", nil, inputError("--from", err.Error(), "give a folder or a zip, tar or tar.gz archive")
	}
	return source, sum, func() { _ = source.Close(); _ = file.Close() }, nil
}

// isTorch says whether an archive is a file of torch.save.
func isTorch(source importer.Source) bool {
	return slices.ContainsFunc(source.Files(), func(name string) bool { return filepath.Base(name) == "data.pkl" })
}

// plan makes the plan that a manifest would have, with a folder of this machine as its source.
func (f *zooImportFlags) plan(ctx context.Context, store *artifact.Store, target, sum string) (*spec.Snapshot, error) {
	im := &v1alpha1.ZooImport{
		Layout: v1alpha1.ZooLayout(f.layout), Source: v1alpha1.ImportSource{URL: plan.FolderScheme + filepath.Base(filepath.Clean(f.from)), SHA256: sum},
		Filter: v1alpha1.ImportFilter{MaxAbsWeight: v1alpha1.Decimal(f.maxAbs)},
	}
	if f.keepNonFinite {
		im.Filter.NonFinite = v1alpha1.NonFiniteKeep
	}
	in := plan.Inputs{Namespace: f.namespace, Name: f.name, StoreURL: target}
	z := &v1alpha1.ModelZooSpec{Import: *im}
	if f.dataset != "" {
		z.Dataset.Name = v1alpha1.ObjectName(f.dataset)
		d, err := storedDataset(ctx, store, target, f.namespace, f.dataset)
		if err != nil {
			return nil, err
		}
		in.Dataset = d
	}
	snap, err := plan.LocalImport(z, in, f.membersPerShard)
	var field *plan.FieldError
	if errors.As(err, &field) {
		return nil, inputError("--max-abs-weight", field.Problem, field.Remedy)
	}
	return snap, err
}

// storedDataset is what a plan needs to know of a Dataset that the store holds.
func storedDataset(ctx context.Context, store *artifact.Store, target, namespace, name string) (*spec.DatasetInput, error) {
	dir := namespace + "/dataset/" + name
	set, m, digest, err := data.LoadPath(ctx, store, dir)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, inputError("--dataset", fmt.Sprintf("the store holds no data set %s", dir), "make it with `weightspace run` first, or leave the flag out")
	}
	if err != nil {
		return nil, err
	}
	r := set.Facts()
	return &spec.DatasetInput{
		Name: name, Store: target, Path: dir, ManifestDigest: digest, ResultDigest: m.ResultDigest, Channels: r.Channels, Height: r.Height,
		Width: r.Width, Classes: r.Classes, Train: r.Train, Validation: r.Validation, Test: r.Test,
	}, nil
}
