package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	// The cloud stores register their URL schemes.
	_ "github.com/weightspace/weightspace/runtime/artifact/clouds"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// runFlags are the flags of `weightspace run`.
type runFlags struct {
	files     []string
	store     string
	namespace string
	json      bool
	noReport  bool
	compute   computeFlags
}

// computeFlags choose how to compute; they never change results.
type computeFlags struct {
	isa     string
	workers int
}

func (f *computeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.isa, "isa", "auto", "instruction set: auto, avx512, avx2 or ref; never changes results")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "threads, 0 for all cores; never changes results")
}

func (f *computeFlags) apply(env *program.Env) error {
	level, err := kernel.ParseLevel(f.isa)
	if err != nil {
		return inputError("--isa", err.Error(), "use auto")
	}
	if f.workers < 0 || f.workers > 4096 {
		return inputError("--workers", "it must be between 0 and 4096", "use 0 for all cores")
	}
	env.ISA, env.Workers = level, f.workers
	return nil
}

func newRun(a *app) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run -f FILE --store DIR",
		Short: "Run manifests on this machine, without a cluster",
		Long: `Runs Datasets, ModelZoos and ZooAnalyses on this machine with the plan, the
programs and the store layout of a cluster: the results are the same, bit for
bit.

Finished work is found in the store and never done twice. Ctrl-C checkpoints and
exits 75; the same command line continues. More seeds or epochs in the file
train only what is missing. ArtifactStores in files are ignored.`,
		Example: `  # Everything in a folder, into ./out
  weightspace run -f config/samples/ --store ./out

  # From standard input, on one core, with lines for machines
  cat zoo.yaml | weightspace run -f - --store ./out --workers 1 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), f) },
	}
	addFileFlags(cmd, &f.files, &f.namespace)
	cmd.Flags().StringVar(&f.store, "store", "", "folder or URL (file://, s3://, gs://, azblob://) for data and artifacts (required)")
	cmd.Flags().BoolVar(&f.json, "json", false, "write progress and results to standard output as JSON lines")
	cmd.Flags().BoolVar(&f.noReport, "no-report", false, "do not draw the report of each zoo")
	f.compute.add(cmd)
	_ = cmd.MarkFlagRequired("store")
	return cmd
}

func addFileFlags(cmd *cobra.Command, files *[]string, namespace *string) {
	cmd.Flags().StringArrayVarP(files, "filename", "f", nil, "manifest file, folder, or - for standard input; may be repeated (required)")
	cmd.Flags().StringVar(namespace, "work-namespace", defaultNamespace, "namespace of objects that name none")
	_ = cmd.MarkFlagRequired("filename")
}

func (a *app) run(ctx context.Context, f *runFlags) error {
	m, err := readManifests(f.files, a.in, f.namespace)
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
	env := program.Env{Store: store, Log: a.log, Host: hostName(), Version: version()}
	if err := f.compute.apply(&env); err != nil {
		return err
	}
	l := &local{app: a, env: env, store: target, show: a.display(f.json), datasets: map[string]*spec.DatasetInput{}, zoos: map[string]*spec.ZooInput{}, stores: stores, noReport: f.noReport}
	defer l.show.close()
	return l.run(ctx, m)
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
