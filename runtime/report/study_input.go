package report

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/study"
)

// Study is what the report of a ZooAnalysis shows. Summaries are nil where the analysis was not asked for.
type Study struct {
	Header Header
	// Zoo names the ModelZoo that was studied.
	Zoo string
	// Models and Checkpoints were looked at.
	Models, Checkpoints int

	Statistics   *study.StatisticsSummary
	Trajectories *study.TrajectoriesSummary
	Similarity   *study.SimilaritySummary
	Probes       *study.ProbesSummary
	Averaging    *study.AveragingSummary
	Embedding    *study.EmbeddingSummary

	// Points are the rows of embedding.parquet, Steps those of steps.parquet.
	Points []artifact.EmbeddingRow
	Steps  []artifact.StepRow
	// Agreement is [len(AgreementOf), len(AgreementOf)]: shares of test images that two models answer alike.
	AgreementOf []string
	Agreement   []float32

	// Hyper names the hyper-parameters of Members, which are those of the zoo; both are empty where it is not in the same store.
	Hyper   []string
	Members map[string]StudyMember
}

// StudyMember is what the zoo's table says of a model.
type StudyMember struct {
	// Hyper are in the order of Study.Hyper.
	Hyper        []string
	TestAccuracy float64
}

// Limits on what is drawn of a study.
const (
	// matrixModels is how many rows the picture of the agreement has.
	matrixModels = 200
	// mapDots and mapPaths are how many checkpoints and lines a map holds.
	mapDots  = 4000
	mapPaths = 300
)

// check refuses what cannot be drawn.
func (s *Study) check() error {
	if len(s.Points) > maxRows || len(s.Steps) > maxRows || len(s.Members) > maxModels {
		return fmt.Errorf("%w: %d points, %d steps, %d models; the limits are %d, %d and %d", ErrInput, len(s.Points), len(s.Steps), len(s.Members), maxRows, maxRows, maxModels)
	}
	if n := len(s.AgreementOf); len(s.Agreement) != n*n {
		return fmt.Errorf("%w: the agreement of %d models has %d numbers", ErrInput, n, len(s.Agreement))
	}
	for i := range s.Points {
		if id := s.Points[i].ModelID; id == "" || len(id) > maxText {
			return fmt.Errorf("%w: row %d of the embedding has a model ID of %d characters", ErrInput, i, len(id))
		}
	}
	for _, id := range s.AgreementOf {
		if len(id) > maxText {
			return fmt.Errorf("%w: the agreement has a model ID of %d characters", ErrInput, len(id))
		}
	}
	for id, m := range s.Members {
		if len(m.Hyper) != len(s.Hyper) {
			return fmt.Errorf("%w: model %.40q has %d hyper-parameters, not %d", ErrInput, id, len(m.Hyper), len(s.Hyper))
		}
	}
	return nil
}
