package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/study"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// partManifest commits an analysis: <artifact>/<part>/manifest.json, written last.
type partManifest struct {
	Version int    `json:"version"`
	Part    string `json:"part"`
	// SpecDigest and Zoo (its manifestDigest) say what the files are about.
	SpecDigest  string               `json:"specDigest"`
	Zoo         string               `json:"zoo"`
	Models      int                  `json:"models"`
	Checkpoints int                  `json:"checkpoints"`
	Files       []artifact.FileEntry `json:"files"`
}

const partVersion = 1

// summaryName gathers the summaries of all parts.
const summaryName = "analysis.json"

func partPath(s *spec.Snapshot, part, name string) string {
	return s.ArtifactPath + "/" + part + "/" + name
}

// analyse runs one analysis of the plan, unless its results are in the store.
func analyse(ctx context.Context, s *spec.Snapshot, shard int, env *Env) error {
	if shard >= len(s.Analysis.Parts) {
		return fmt.Errorf("plan.json: stage %s has no part %d; the file is damaged, delete its ConfigMap", spec.StageAnalyse, shard)
	}
	part := s.Analysis.Parts[shard]
	say := func(message string, fraction float64) {
		env.Progress(Progress{Stage: spec.StageAnalyse, Shard: shard, SecondsLeft: -1, Message: part + ": " + message, Epochs: 1, Fraction: fraction})
	}
	say("Looking for finished work", 0)
	done, err := readPart(ctx, s, env, part)
	if err != nil {
		return stopped(ctx, err)
	}
	if done != nil {
		env.Log.Info("The analysis is finished already", "part", part)
		return nil
	}
	out, err := runPart(ctx, s, env, part, say)
	if err != nil {
		return stopped(ctx, err)
	}
	say("Writing results", 1)
	if err := commitPart(ctx, s, env, part, out); err != nil {
		return stopped(ctx, err)
	}
	say("Finished", 1)
	return nil
}

// runPart opens the zoo as the plan pins it and runs the analysis.
func runPart(ctx context.Context, s *spec.Snapshot, env *Env, part string, say func(string, float64)) (*study.Output, error) {
	in := s.Analysis.Zoo
	store, err := env.datasetStore(in.Store)
	if err != nil {
		return nil, err
	}
	say("Opening the zoo", 0)
	z, err := zoo.Open(ctx, store, in.Path)
	if err != nil {
		return nil, err
	}
	if z.Digest != in.ManifestDigest && in.ManifestDigest != "" {
		return nil, &InputError{
			Field: "spec.zoo.name", Problem: fmt.Sprintf("ModelZoo %s has changed since the plan was made (manifest %s, the plan has %s)", in.Name, z.Digest, in.ManifestDigest),
			Remedy: "create another ZooAnalysis, or bring the zoo's artifact back",
		}
	}
	out, err := study.Run(ctx, part, study.Config{
		Zoo: z, Spec: s.Analysis, ISA: env.ISA, Workers: env.Workers,
		Data: func(ctx context.Context) (*data.Set, error) { return loadInput(ctx, in.Dataset, env) },
		Say:  func(message string, done, of int) { say(message, float64(done)/float64(max(of, 1))) },
	})
	var mine *study.InputError
	if errors.As(err, &mine) {
		return nil, &InputError{Field: mine.Field, Problem: mine.Problem, Remedy: mine.Remedy}
	}
	if err != nil {
		return nil, fmt.Errorf("analysis %s of ModelZoo %s: %w", part, in.Name, err)
	}
	return out, nil
}

// loadInput loads a pinned data set.
func loadInput(ctx context.Context, in *spec.DatasetInput, env *Env) (*data.Set, error) {
	if in == nil {
		return nil, errors.New("the zoo has no data set")
	}
	store, err := env.datasetStore(in.Store)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(ctx, store, *in)
	if err != nil {
		return nil, fmt.Errorf("load data set %s: %w", in.Name, err)
	}
	return set, nil
}

func commitPart(ctx context.Context, s *spec.Snapshot, env *Env, part string, out *study.Output) error {
	m := &partManifest{Version: partVersion, Part: part, SpecDigest: s.SpecDigest, Zoo: s.Analysis.Zoo.ManifestDigest, Models: out.Models, Checkpoints: out.Checkpoints}
	names := make([]string, 0, len(out.Files))
	for name := range out.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := putIfDifferent(ctx, env, partPath(s, part, name), out.Files[name]); err != nil {
			return err
		}
		m.Files = append(m.Files, artifact.Entry(name, out.Files[name]))
	}
	b, err := encodeJSON(m)
	if err != nil {
		return err
	}
	return putIfDifferent(ctx, env, partPath(s, part, manifestName), b)
}

// readPart reads a finished analysis of this plan; nil when there is none, or a damaged one.
func readPart(ctx context.Context, s *spec.Snapshot, env *Env, part string) (*partManifest, error) {
	b, err := env.Store.Get(ctx, partPath(s, part, manifestName))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the results of analysis %s: %w", part, err)
	}
	m := &partManifest{}
	if err := decodeStrict(b, m); err != nil || m.Version != partVersion || m.Part != part {
		env.Log.Warn("The results of an analysis are damaged and will be made again", "part", part, "err", err)
		return nil, nil
	}
	if m.SpecDigest != s.SpecDigest || m.Zoo != s.Analysis.Zoo.ManifestDigest {
		return nil, nil // of another zoo or other settings
	}
	for _, f := range m.Files {
		if f.Path == "" || strings.ContainsAny(f.Path, `/\`) {
			return nil, nil
		}
		sum, size, err := env.Store.Digest(ctx, partPath(s, part, f.Path))
		if err != nil && !errors.Is(err, artifact.ErrNotFound) {
			return nil, fmt.Errorf("check the results of analysis %s: %w", part, err)
		}
		if sum != f.SHA256 || size != f.Size { // also when there is no such file
			env.Log.Warn("A result of an analysis is damaged and will be made again", "part", part, "file", f.Path)
			return nil, nil
		}
	}
	return m, nil
}

// collect checks that every analysis is there, gathers the summaries and writes the manifest.
func collect(ctx context.Context, s *spec.Snapshot, env *Env) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageCollect, SecondsLeft: -1, Message: "Gathering the analyses"})
	m := &artifact.Manifest{
		Kind: s.Object.Kind, Namespace: s.Object.Namespace, Name: s.Object.Name, SpecDigest: s.SpecDigest,
		Spec: plan.Marshal(s), Versions: map[string]string{"numerics": s.Numerics, "plan": fmt.Sprint(s.PlanVersion)},
	}
	result := &spec.Result{Analysis: &spec.AnalysisResult{}}
	summaries := map[string]json.RawMessage{}
	missing := &IncompleteError{What: "analyses", Total: len(s.Analysis.Parts)}
	for _, part := range s.Analysis.Parts {
		p, err := readPart(ctx, s, env, part)
		if err != nil {
			return nil, stopped(ctx, err)
		}
		if p == nil {
			missing.Missing++
			missing.Sample = append(missing.Sample, part)
			continue
		}
		if err := gather(ctx, s, env, p, m, summaries, result.Analysis); err != nil {
			return nil, stopped(ctx, err)
		}
	}
	if missing.Missing > 0 {
		return nil, missing
	}
	if err := writeAnalysis(ctx, s, env, m, summaries, result); err != nil {
		return nil, stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageCollect, SecondsLeft: -1, Message: "Finished"})
	return result, nil
}

// gather adds one analysis to the manifest, the summaries and the result.
func gather(ctx context.Context, s *spec.Snapshot, env *Env, p *partManifest, m *artifact.Manifest, summaries map[string]json.RawMessage, r *spec.AnalysisResult) error {
	for _, f := range p.Files {
		m.Files = append(m.Files, artifact.FileEntry{Path: p.Part + "/" + f.Path, SHA256: f.SHA256, Size: f.Size})
	}
	b, err := env.Store.Get(ctx, partPath(s, p.Part, study.SummaryName))
	if err != nil {
		return fmt.Errorf("read the summary of analysis %s: %w", p.Part, err)
	}
	summaries[p.Part] = b
	r.Models, r.Checkpoints = max(r.Models, p.Models), max(r.Checkpoints, p.Checkpoints)
	return study.Headline(p.Part, b, r)
}

func writeAnalysis(ctx context.Context, s *spec.Snapshot, env *Env, m *artifact.Manifest, summaries map[string]json.RawMessage, result *spec.Result) error {
	all, err := json.MarshalIndent(map[string]any{"zoo": s.Analysis.Zoo.Name, "zooResultDigest": s.Analysis.Zoo.ResultDigest, "analyses": summaries}, "", " ")
	if err != nil {
		return err
	}
	all = append(all, '\n')
	if err := putIfDifferent(ctx, env, s.ArtifactPath+"/"+summaryName, all); err != nil {
		return err
	}
	m.Files = append(m.Files, artifact.Entry(summaryName, all))
	slices.SortFunc(m.Files, func(a, b artifact.FileEntry) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range m.Files {
		fmt.Fprintf(h, "%s %s\n", f.Path, f.SHA256)
	}
	m.ResultDigest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	if m.Facts, err = json.Marshal(result.Analysis); err != nil {
		return err
	}
	b, err := m.Encode()
	if err != nil {
		return fmt.Errorf("%s: %w", s.ArtifactPath, err)
	}
	result.ManifestDigest, result.ResultDigest, result.SizeBytes = artifact.Digest(b), m.ResultDigest, m.Size()
	path := s.ArtifactPath + "/" + artifact.ManifestName
	if same, err := sameContent(ctx, env, path, b); err != nil || same {
		return err
	}
	if err := putRunInfo(ctx, s, env, 0); err != nil {
		return err
	}
	return putIfDifferent(ctx, env, path, b)
}
