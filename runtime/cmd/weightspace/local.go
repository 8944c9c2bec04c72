package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// local executes manifests in this process: each object is planned as the manager would plan
// it, and its stages and shards run one after the other. What is finished is found in the store.
type local struct {
	app   *app
	env   program.Env
	store string // URL
	show  display
	// stores opens l.store for the report, which noReport leaves out.
	stores   *opener
	noReport bool
	// datasets are the finished data sets by namespace/name.
	datasets map[string]*spec.DatasetInput
	// zoos are the finished zoos by namespace/name.
	zoos map[string]*spec.ZooInput
}

// storeURL turns the value of --store into a URL; a plain path is a folder.
func storeURL(s string) (string, error) {
	if u, err := url.Parse(s); err == nil && len(u.Scheme) > 1 {
		if u.Scheme == "pvc" {
			return "", &usageError{fmt.Errorf("--store: a pvc:// store exists in a cluster only; use `kubectl cp` or a folder")}
		}
		return s, nil
	}
	abs, err := filepath.Abs(s)
	if err != nil {
		return "", fmt.Errorf("--store %s: %w", s, err)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String(), nil
}

// run executes every object: data sets first, then the zoos that use them, then the analyses of zoos.
func (l *local) run(ctx context.Context, m *manifests) error {
	for _, d := range m.datasets {
		if err := l.runDataset(ctx, d); err != nil {
			return d.source.located(err)
		}
	}
	zoos, err := parentsFirst(m.zoos)
	if err != nil {
		return err
	}
	for _, z := range zoos {
		if err := l.runZoo(ctx, z); err != nil {
			return z.source.located(err)
		}
	}
	for _, o := range m.analyses {
		if err := l.runAnalysis(ctx, o); err != nil {
			return o.source.located(err)
		}
	}
	return nil
}

func (l *local) runDataset(ctx context.Context, d *object[v1alpha1.Dataset]) error {
	snap, err := plan.Dataset(&d.value.Spec, plan.Inputs{Namespace: d.value.Namespace, Name: d.value.Name, StoreURL: l.store})
	if err != nil {
		return err
	}
	result, err := l.stages(ctx, snap)
	if err != nil {
		return err
	}
	l.datasets[d.value.Namespace+"/"+d.value.Name] = datasetInput(d.value.Name, snap, result)
	l.show.finished(snap, result, "")
	return nil
}

// datasetInput is what a plan of a zoo needs to know of a finished data set.
func datasetInput(name string, s *spec.Snapshot, r *spec.Result) *spec.DatasetInput {
	return &spec.DatasetInput{
		Name: name, Store: s.Store, Path: s.ArtifactPath, ManifestDigest: r.ManifestDigest, ResultDigest: r.ResultDigest,
		Channels: r.Dataset.Channels, Height: r.Dataset.Height, Width: r.Dataset.Width, Classes: r.Dataset.Classes,
		Train: r.Dataset.Train, Validation: r.Dataset.Validation, Test: r.Dataset.Test,
	}
}

func (l *local) runZoo(ctx context.Context, z *object[v1alpha1.ModelZoo]) error {
	name := string(z.value.Spec.Dataset.Name)
	in, ok := l.datasets[z.value.Namespace+"/"+name]
	if !ok && (!z.value.Spec.Imported() || name != "") {
		return inputError("spec.dataset.name", fmt.Sprintf("no Dataset %q in namespace %q is among the files", name, z.value.Namespace),
			"give its manifest too: -f may be repeated, and a finished data set costs nothing")
	}
	inputs := plan.Inputs{Namespace: z.value.Namespace, Name: z.value.Name, StoreURL: l.store, Dataset: in}
	if err := l.parent(ctx, z.value, &inputs); err != nil {
		return err
	}
	snap, err := plan.ModelZoo(&z.value.Spec, inputs)
	if err != nil {
		return err
	}
	return l.runPlannedZoo(ctx, snap)
}

func (l *local) runPlannedZoo(ctx context.Context, snap *spec.Snapshot) error {
	result, err := l.stages(ctx, snap)
	if err != nil {
		return err
	}
	if l.zoos != nil {
		l.zoos[snap.Object.Namespace+"/"+snap.Object.Name] = finishedZoo(snap.Object.Name, snap, result)
	}
	page, err := l.report(ctx, snap, result)
	if err != nil {
		return fmt.Errorf("the zoo is complete, but its report failed: %w", err)
	}
	l.show.finished(snap, result, page)
	return nil
}

// stages runs all stages of a plan. When the last one finds work missing, which happens
// only if somebody removes files meanwhile, the stages run once more.
func (l *local) stages(ctx context.Context, s *spec.Snapshot) (*spec.Result, error) {
	var incomplete *program.IncompleteError
	result, err := l.once(ctx, s)
	if errors.As(err, &incomplete) {
		l.app.log.Warn("Work is missing; running the stages again", "object", s.ArtifactPath, "err", err)
		result, err = l.once(ctx, s)
	}
	return result, err
}

func (l *local) once(ctx context.Context, s *spec.Snapshot) (result *spec.Result, err error) {
	l.show.begin(s)
	defer func() { l.show.end(err) }()
	for _, stage := range s.Stages {
		for shard := range stage.Shards {
			env := l.env
			env.Progress = l.show.progress
			result, err = program.Run(ctx, s, stage.Name, shard, env)
			if err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// opener opens stores by URL once and shares them.
type opener struct {
	mount  string
	stores map[string]*artifact.Store
}

func newOpener(mount string) *opener {
	return &opener{mount: mount, stores: map[string]*artifact.Store{}}
}

func (o *opener) open(ctx context.Context, rawURL string) (*artifact.Store, error) {
	if s, ok := o.stores[rawURL]; ok {
		return s, nil
	}
	s, err := artifact.Open(ctx, rawURL, o.mount)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", strings.TrimSpace(rawURL), err)
	}
	o.stores[rawURL] = s
	return s, nil
}

// close releases connections. Every Put was acknowledged before, so nothing can be lost here.
func (o *opener) close() {
	for _, s := range o.stores {
		_ = s.Close()
	}
}
