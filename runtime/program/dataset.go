package program

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// datasetFetched says whether the artifact is there in full for this spec. A damaged one is
// reported and made again.
func datasetFetched(ctx context.Context, s *spec.Snapshot, env *Env) (bool, error) {
	store, err := env.datasetStore(s.Store)
	if err != nil {
		return false, err
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Looking for finished work"})
	_, m, _, err := data.LoadPath(ctx, store, s.ArtifactPath)
	switch {
	case errors.Is(err, artifact.ErrNotFound):
		return false, nil
	case isStoreError(err), ctx.Err() != nil:
		return false, fmt.Errorf("look for the data set: %w", err)
	case err != nil:
		env.Log.Warn("The data set in the store is damaged and will be made again", "path", s.ArtifactPath, "err", err)
		return false, nil
	case m.SpecDigest != s.SpecDigest:
		env.Log.Warn("The store holds a data set of another spec under this name; it is replaced", "path", s.ArtifactPath, "have", m.SpecDigest, "want", s.SpecDigest)
		return false, nil
	}
	env.Progress(Progress{Stage: spec.StageFetch, SecondsLeft: -1, Message: "Finished"})
	return true, nil
}

// writeDataset converts the checked source files in folder dir and writes the artifact.
func writeDataset(ctx context.Context, s *spec.Snapshot, dir string, env *Env) error {
	store, err := env.datasetStore(s.Store)
	if err != nil {
		return err
	}
	set, err := data.Build(s.Dataset, func(i int) (data.File, error) { return os.Open(sourcePath(dir, i)) })
	var source *data.SourceError
	if errors.As(err, &source) {
		problem := source.Problem
		if source.Err != nil {
			problem += ", " + source.Err.Error()
		}
		return &InputError{Field: "spec." + source.Field, Problem: problem, Remedy: "correct the file or the spec; a Dataset is immutable, so create another", Err: err}
	}
	if err != nil {
		return fmt.Errorf("convert the source files: %w", err)
	}
	if err := putRunInfo(ctx, s, env, 0); err != nil {
		return err
	}
	_, err = data.Write(ctx, store, s.ArtifactPath, set, artifact.Manifest{
		Namespace: s.Object.Namespace, Name: s.Object.Name, SpecDigest: s.SpecDigest, Spec: plan.Marshal(s),
		Versions: map[string]string{"numerics": s.Numerics, "plan": fmt.Sprint(s.PlanVersion)},
	})
	if err != nil {
		return fmt.Errorf("write the data set: %w", err)
	}
	return nil
}

// verify reads every file back, checks its sha256 and summarises the data set.
func verify(ctx context.Context, s *spec.Snapshot, env *Env) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageVerify, SecondsLeft: -1, Message: "Checking every file"})
	store, err := env.datasetStore(s.Store)
	if err != nil {
		return nil, err
	}
	set, m, digest, err := data.LoadPath(ctx, store, s.ArtifactPath)
	switch {
	case isStoreError(err), err != nil && ctx.Err() != nil:
		return nil, stopped(ctx, fmt.Errorf("read the data set back: %w", err))
	case err != nil:
		return nil, &IncompleteError{What: "data sets", Missing: 1, Total: 1, Sample: []string{err.Error()}}
	case m.SpecDigest != s.SpecDigest:
		return nil, &IncompleteError{What: "data sets", Missing: 1, Total: 1, Sample: []string{fmt.Sprintf("%s is of spec %s, not %s", s.ArtifactPath, m.SpecDigest, s.SpecDigest)}}
	}
	facts := set.Facts()
	env.Progress(Progress{Stage: spec.StageVerify, SecondsLeft: -1, Message: "Finished"})
	return &spec.Result{ManifestDigest: digest, ResultDigest: set.ResultDigest, SizeBytes: m.Size(), Dataset: &facts}, nil
}
