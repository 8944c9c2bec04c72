package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// runAnalysis studies a zoo that was run before it, or that is in the store.
func (l *local) runAnalysis(ctx context.Context, o *object[v1alpha1.ZooAnalysis]) error {
	in, err := l.zooInput(ctx, o.value.Namespace, string(o.value.Spec.Zoo.Name))
	if err != nil {
		return err
	}
	snap, err := plan.ZooAnalysis(&o.value.Spec, plan.Inputs{Namespace: o.value.Namespace, Name: o.value.Name, StoreURL: l.store, Zoo: in})
	if err != nil {
		return err
	}
	result, err := l.stages(ctx, snap)
	if err != nil {
		return err
	}
	page, err := l.report(ctx, snap, result)
	if err != nil {
		return fmt.Errorf("the analysis is complete, but its report failed: %w", err)
	}
	l.show.finished(snap, result, page)
	return nil
}

// zooInput is what a plan needs to know of a zoo, from this run or from the store.
func (l *local) zooInput(ctx context.Context, namespace, name string) (*spec.ZooInput, error) {
	if in, ok := l.zoos[namespace+"/"+name]; ok {
		return in, nil
	}
	store, err := l.stores.open(ctx, l.store)
	if err != nil {
		return nil, err
	}
	z, err := zoo.Open(ctx, store, namespace+"/modelzoo/"+name)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, inputError("spec.zoo.name", fmt.Sprintf("no ModelZoo %q in namespace %q is among the files or finished in the store", name, namespace),
			"give its manifest too: -f may be repeated, and a finished zoo costs nothing")
	}
	if err != nil {
		return nil, err
	}
	return z.Input(name, l.store), nil
}

// finishedZoo is what a plan of an analysis needs to know of a zoo that has just run.
func finishedZoo(name string, s *spec.Snapshot, r *spec.Result) *spec.ZooInput {
	in := plannedZoo(name, s)
	in.ManifestDigest, in.ResultDigest, in.Members, in.Epochs = r.ManifestDigest, r.ResultDigest, r.Zoo.Members, r.Zoo.Epochs
	if r.Zoo.Parameters > 0 { // of an imported zoo, whose plan does not know them
		in.Parameters = r.Zoo.Parameters
	}
	if s.Zoo.Import != nil {
		in.Epochs, in.Parameters = r.Zoo.Epochs, r.Zoo.Parameters
	}
	return in
}

// plannedZoo is what is known of a zoo before it runs.
func plannedZoo(name string, s *spec.Snapshot) *spec.ZooInput {
	if s.Zoo.Import != nil && s.Zoo.Parameters == 0 {
		in := assumedZoo(name)
		in.Store, in.Path = s.Store, s.ArtifactPath
		return in
	}
	d := s.Zoo.Dataset
	in := &spec.ZooInput{Name: name, Store: s.Store, Path: s.ArtifactPath, Members: plan.Total(s.Zoo), Epochs: s.Zoo.Epochs, Parameters: s.Zoo.Parameters}
	if d.Name != "" {
		in.Dataset = &d
	}
	return in
}

// assumedZoo stands for a zoo that is not among the manifests: a published one.
func assumedZoo(name string) *spec.ZooInput {
	return &spec.ZooInput{Name: name, Members: 1000, Epochs: 50, Parameters: 2464, Dataset: assumedInput("", nil)}
}

// findings are the headline numbers of an analysis, those there are.
func findings(a *spec.AnalysisResult) string {
	line := ""
	for _, f := range []struct {
		name  string
		value *float64
	}{{"separation", a.Separation}, {"order tau", a.Kendall}, {"probe R2", a.ProbeR2}, {"agreement", a.Agreement}} {
		if f.value != nil {
			line += fmt.Sprintf(", %s %.3g", f.name, *f.value)
		}
	}
	return line
}
