package report

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/study"
)

// Files of a ZooAnalysis that the report is drawn from.
const (
	analysisName  = "analysis.json"
	embeddingName = spec.AnalysisEmbedding + "/embedding.parquet"
	stepsName     = spec.AnalysisTrajectories + "/steps.parquet"
	agreementName = spec.AnalysisSimilarity + "/agreement.safetensors"
)

// ReadStudy reads what BuildStudy draws from the ZooAnalysis in folder dir of the store, and the hyper-parameters from its zoo, if the
// store has it as it was when it was studied.
func ReadStudy(ctx context.Context, store *artifact.Store, dir string) (*Study, error) {
	m, err := manifestOf(ctx, store, dir)
	if err != nil {
		return nil, err
	}
	if m.Kind != spec.KindZooAnalysis {
		return nil, fmt.Errorf("%w: %s is a %s, not a %s", ErrInput, dir, m.Kind, spec.KindZooAnalysis)
	}
	s := &Study{Header: Header{Namespace: m.Namespace, Name: m.Name, ResultDigest: m.ResultDigest, ArtifactPath: dir}}
	var facts spec.AnalysisResult
	if json.Unmarshal(m.Facts, &facts) == nil {
		s.Models, s.Checkpoints = facts.Models, facts.Checkpoints
	}
	s.Header.Facts = versionFacts(m)
	if err := s.summaries(ctx, store, dir, m); err != nil {
		return nil, err
	}
	if s.Points, err = optionalTable(ctx, store, dir, m, embeddingName, artifact.ReadEmbedding); err != nil {
		return nil, err
	}
	if s.Steps, err = optionalTable(ctx, store, dir, m, stepsName, artifact.ReadSteps); err != nil {
		return nil, err
	}
	if err := s.matrix(ctx, store, dir, m); err != nil {
		return nil, err
	}
	if s.Header.Finished, err = written(ctx, store, dir); err != nil {
		return nil, err
	}
	s.members(ctx, store, m)
	return s, nil
}

func optionalTable[T any](ctx context.Context, store *artifact.Store, dir string, m *artifact.Manifest, name string, read func([]byte) ([]T, error)) ([]T, error) {
	if _, ok := m.File(name); !ok {
		return nil, nil
	}
	return readTable(ctx, store, dir, m, name, read)
}

// summaries reads analysis.json.
func (s *Study) summaries(ctx context.Context, store *artifact.Store, dir string, m *artifact.Manifest) error {
	f, ok := m.File(analysisName)
	if !ok {
		return fmt.Errorf("%w: the manifest of %s lists no %s; run its collect stage again", ErrInput, dir, analysisName)
	}
	b, err := store.GetVerified(ctx, dir, f)
	if err != nil {
		return err
	}
	var all struct {
		Zoo      string `json:"zoo"`
		Analyses struct {
			Statistics   *study.StatisticsSummary   `json:"statistics"`
			Trajectories *study.TrajectoriesSummary `json:"trajectories"`
			Similarity   *study.SimilaritySummary   `json:"similarity"`
			Probes       *study.ProbesSummary       `json:"probes"`
			Averaging    *study.AveragingSummary    `json:"averaging"`
			Embedding    *study.EmbeddingSummary    `json:"embedding"`
		} `json:"analyses"`
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInput, path.Join(dir, analysisName), err)
	}
	s.Zoo = all.Zoo
	a := &all.Analyses
	s.Statistics, s.Trajectories, s.Similarity = a.Statistics, a.Trajectories, a.Similarity
	s.Probes, s.Averaging, s.Embedding = a.Probes, a.Averaging, a.Embedding
	return nil
}

// matrix reads the agreement of pairs of models.
func (s *Study) matrix(ctx context.Context, store *artifact.Store, dir string, m *artifact.Manifest) error {
	f, ok := m.File(agreementName)
	if !ok {
		return nil
	}
	b, err := store.GetVerified(ctx, dir, f)
	if err != nil {
		return err
	}
	bad := func(problem string) error {
		return fmt.Errorf("%w: %s: %s", ErrInput, path.Join(dir, agreementName), problem)
	}
	file, err := artifact.ReadSafetensors(b)
	if err != nil {
		return bad(err.Error())
	}
	t, ok := file.Tensor("agreement")
	if !ok || t.DType != artifact.F32 || len(t.Shape) != 2 || t.Shape[0] != t.Shape[1] {
		return bad("it holds no square tensor agreement of type F32")
	}
	if err := json.Unmarshal([]byte(file.Metadata["models"]), &s.AgreementOf); err != nil {
		return bad("its metadata models is no list of model IDs")
	}
	if len(s.AgreementOf) != t.Shape[0] || len(t.Data) != 4*t.Shape[0]*t.Shape[1] {
		return bad(fmt.Sprintf("it names %d models for %d rows", len(s.AgreementOf), t.Shape[0]))
	}
	s.Agreement = make([]float32, len(t.Data)/4)
	for i := range s.Agreement {
		s.Agreement[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return nil
}

// members reads the zoo's table of models. Without it a report is drawn all the same.
func (s *Study) members(ctx context.Context, store *artifact.Store, m *artifact.Manifest) {
	var plan spec.Snapshot
	if len(m.Spec) == 0 || json.Unmarshal(m.Spec, &plan) != nil || plan.Analysis == nil {
		return
	}
	dir := plan.Analysis.Zoo.Path
	z, digest, err := store.ReadManifest(ctx, dir)
	if err != nil || z.Kind != spec.KindModelZoo || digest != plan.Analysis.Zoo.ManifestDigest {
		return
	}
	models, err := readTable(ctx, store, dir, z, modelsName, artifact.ReadModels)
	if err != nil {
		return
	}
	in := convert(z, models, nil)
	s.Hyper, s.Members = in.Hyper, map[string]StudyMember{}
	for i := range in.Models {
		s.Members[in.Models[i].ID] = StudyMember{in.Models[i].Hyper, in.Models[i].Final.TestAccuracy}
	}
}

// manifestOf reads an artifact's manifest.
func manifestOf(ctx context.Context, store *artifact.Store, dir string) (*artifact.Manifest, error) {
	m, _, err := store.ReadManifest(ctx, dir)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s has no manifest.json: is the name right, and has it finished? (%w)", ErrInput, dir, err)
	}
	return m, err
}
