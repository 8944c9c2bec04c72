package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// What the estimate of the time assumes: a cautious speed of one core.
const (
	assumedFlopsPerCore   = 10e9
	assumedFetchBytesPerS = 10e6
)

type planFlags struct {
	files     []string
	namespace string
	json      bool
	cores     int
}

func newPlan(a *app) *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show shards, members, memory, disk and time beforehand",
		Long: `Plans the objects of manifests as the operator would and shows what they cost.
Nothing is fetched or written. Memory is what one pod of the stage needs; the
operator sets it as request and limit. The time is an estimate for one shard
after the other on --cores cores; pods in parallel divide it.`,
		Example: `  weightspace plan -f zoo.yaml
  weightspace plan -f zoo.yaml --json | jq .[].stages`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.plan(cmd.Context(), f) },
	}
	addFileFlags(cmd, &f.files, &f.namespace)
	cmd.Flags().BoolVar(&f.json, "json", false, "write the plans as JSON")
	cmd.Flags().IntVar(&f.cores, "cores", 2, "cores that the estimate of the time assumes")
	return cmd
}

func (a *app) plan(_ context.Context, f *planFlags) error {
	if f.cores < 1 {
		return inputError("--cores", fmt.Sprintf("%d cores", f.cores), "use 1 or more")
	}
	m, err := readManifests(f.files, a.in, f.namespace)
	if err != nil {
		return err
	}
	plans, err := planAll(m)
	if err != nil {
		return err
	}
	if f.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", " ")
		return e.Encode(plans)
	}
	for i, s := range plans {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		printPlan(a.out, s, f.cores)
	}
	return nil
}

// planAll plans every object. A zoo's data set is taken from the manifests, with the counts of
// its splits; its digests are not known before it is fetched.
func planAll(m *manifests) ([]*spec.Snapshot, error) {
	plans := []*spec.Snapshot{}
	var errs []error
	inputs, zoos, zooPlans := map[string]*spec.DatasetInput{}, map[string]*spec.ZooInput{}, map[string]*spec.Zoo{}
	for _, d := range m.datasets {
		s, err := plan.Dataset(&d.value.Spec, plan.Inputs{Namespace: d.value.Namespace, Name: d.value.Name})
		if err != nil {
			errs = append(errs, d.source.located(err))
			continue
		}
		inputs[d.value.Namespace+"/"+d.value.Name] = assumedInput(d.value.Name, s)
		plans = append(plans, s)
	}
	ordered, err := parentsFirst(m.zoos)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for _, z := range ordered {
		in, ok := inputs[z.value.Namespace+"/"+string(z.value.Spec.Dataset.Name)]
		if !ok && (!z.value.Spec.Imported() || z.value.Spec.Dataset.Name != "") {
			in = assumedInput(string(z.value.Spec.Dataset.Name), nil)
		}
		known := plan.Inputs{Namespace: z.value.Namespace, Name: z.value.Name, Dataset: in}
		if err := plannedParent(z.value, &known, zoos, zooPlans); err != nil {
			errs = append(errs, z.source.located(err))
			continue
		}
		s, err := plan.ModelZoo(&z.value.Spec, known)
		if err != nil {
			errs = append(errs, z.source.located(err))
			continue
		}
		zooPlans[z.value.Namespace+"/"+z.value.Name] = s.Zoo
		zoos[z.value.Namespace+"/"+z.value.Name] = plannedZoo(z.value.Name, s)
		plans = append(plans, s)
	}
	for _, o := range m.analyses {
		in, ok := zoos[o.value.Namespace+"/"+string(o.value.Spec.Zoo.Name)]
		if !ok {
			in = assumedZoo(string(o.value.Spec.Zoo.Name))
		}
		s, err := plan.ZooAnalysis(&o.value.Spec, plan.Inputs{Namespace: o.value.Namespace, Name: o.value.Name, Zoo: in})
		if err != nil {
			errs = append(errs, o.source.located(err))
			continue
		}
		plans = append(plans, s)
	}
	return plans, errors.Join(errs...)
}

// assumedInput stands for a data set that is not fetched yet: what its manifest tells, and MNIST's shape and
// counts when the data set is not among the manifests.
func assumedInput(name string, s *spec.Snapshot) *spec.DatasetInput {
	in := &spec.DatasetInput{Name: name, Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 50_000, Validation: 10_000, Test: 10_000}
	if s != nil {
		in.Channels, in.Height, in.Width, in.Classes = plan.DatasetShape(s.Dataset)
		in.Train, in.Validation, in.Test = s.Dataset.Splits.Train, s.Dataset.Splits.Validation, s.Dataset.Splits.Test
		limit := func(n *int, limit int) {
			if limit > 0 {
				*n = min(*n, limit)
			}
		}
		limit(&in.Train, s.Dataset.Limit.Train)
		limit(&in.Validation, s.Dataset.Limit.Validation)
		limit(&in.Test, s.Dataset.Limit.Test)
	}
	return in
}

func printPlan(w io.Writer, s *spec.Snapshot, cores int) {
	fmt.Fprintf(w, "%s %s/%s: %s\n", s.Object.Kind, s.Object.Namespace, s.Object.Name, headline(s))
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"Stage", "Shards", "Members/shard", "Memory/pod", "Time"})
	for _, st := range s.Stages {
		most := 0
		for _, sh := range st.Shards {
			most = max(most, sh.To-sh.From)
		}
		members := "-"
		if most > 0 {
			members = fmt.Sprint(most)
		}
		t.AppendRow(table.Row{st.Name, len(st.Shards), members, bytesText(plan.StageMemory(&st, cores)), "~" + estimate(s, st.Name, cores).String()})
	}
	t.Render()
	fmt.Fprintf(w, "Disk %s in %s\n", bytesText(s.DiskBytes), s.ArtifactPath)
	if s.Zoo == nil || s.Zoo.Import != nil {
		return
	}
	if disk, memory, err := plan.PerModel(s); err == nil { // the plan was made, so the network fits
		fmt.Fprintf(w, "A model: %s on disk, weights of %d of %d epochs; %s of a pod's memory\n", bytesText(disk), s.Zoo.Retention.Epochs(s.Zoo.Epochs), s.Zoo.Epochs+1, bytesText(memory))
	}
}

func headline(s *spec.Snapshot) string {
	if a := s.Analysis; a != nil {
		return fmt.Sprintf("%d analyses of up to %d checkpoints of ModelZoo %s", len(a.Parts), plan.AnalysisCheckpoints(a), a.Zoo.Name)
	}
	if s.Zoo == nil {
		return fmt.Sprintf("%d/%d/%d images", s.Dataset.Splits.Train, s.Dataset.Splits.Validation, s.Dataset.Splits.Test)
	}
	if i := s.Zoo.Import; i != nil {
		return fmt.Sprintf("models of layout %s in %s", i.Layout, i.URL)
	}
	return fmt.Sprintf("%d models of %d parameters, %d epochs, %d cohorts", plan.Total(s.Zoo), s.Zoo.Parameters, s.Zoo.Epochs, len(s.Zoo.Cohorts))
}

// estimate is the wall time of a stage, its shards one after the other.
func estimate(s *spec.Snapshot, stage string, cores int) time.Duration {
	seconds := 1.0
	switch {
	case s.Zoo != nil && stage == spec.StageTrain:
		d := s.Zoo.Dataset
		models := float64(plan.Total(s.Zoo))
		// The plan was made, so the network fits.
		forwardBackward, forward, _ := plan.Work(s.Zoo)
		train := float64(d.Train) * float64(s.Zoo.Epochs) * forwardBackward
		eval := (float64(d.Validation+d.Test)*float64(s.Zoo.Epochs+1) + float64(d.Train)) * forward
		seconds = models * (train + eval) / (assumedFlopsPerCore * float64(cores))
	case s.Zoo != nil && (stage == spec.StageTwins || stage == spec.StageMatch):
		// The plan was made, so the network fits.
		flops, _ := plan.TwinWork(s.Zoo, stage)
		seconds = flops / (assumedFlopsPerCore * float64(cores))
	case stage == spec.StageFetch:
		seconds = float64(s.DiskBytes) / assumedFetchBytesPerS
	}
	d := time.Duration(math.Ceil(max(seconds, 1))) * time.Second
	switch {
	case d > 2*time.Hour:
		return d.Round(10 * time.Minute)
	case d > 2*time.Minute:
		return d.Round(10 * time.Second)
	}
	return d
}

// bytesText writes a size with a binary unit.
func bytesText(n int64) string {
	v, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

func newValidate(a *app) *cobra.Command {
	var files []string
	var namespace string
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check manifests strictly; every mistake with file, line and field",
		Long: `Checks manifests as strictly as the API server and the planner together: unknown
and repeated fields, names, values, and whether a plan can be made. Every mistake
is one line with file, line, field, problem and remedy. Exit code 65 if there is one.`,
		Example: `  weightspace validate -f config/samples/
  weightspace validate -f - < zoo.yaml`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			m, err := readManifests(files, a.in, namespace)
			if m != nil {
				_, perr := planAll(m)
				err = errors.Join(append(unjoin(err), unjoin(perr)...)...)
			}
			if err != nil {
				return err
			}
			for _, line := range m.list() {
				fmt.Fprintln(a.out, line+": valid")
			}
			return nil
		},
	}
	addFileFlags(cmd, &files, &namespace)
	return cmd
}

// unjoin flattens joined errors.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, unjoin(e)...)
	}
	return out
}

// list names the objects.
func (m *manifests) list() []string {
	var out []string
	for _, o := range m.stores {
		out = append(out, "ArtifactStore "+o.value.Name)
	}
	for _, o := range m.datasets {
		out = append(out, "Dataset "+o.value.Namespace+"/"+o.value.Name)
	}
	for _, o := range m.zoos {
		out = append(out, "ModelZoo "+o.value.Namespace+"/"+o.value.Name)
	}
	for _, o := range m.analyses {
		out = append(out, "ZooAnalysis "+o.value.Namespace+"/"+o.value.Name)
	}
	return out
}
