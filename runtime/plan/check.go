package plan

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/spec"
)

// checkSnapshot refuses a plan that this package would not have made, so that programs can
// index and parse without checking again: a ConfigMap may have been written by somebody else.
func checkSnapshot(s *spec.Snapshot) error {
	set := 0
	for _, on := range []bool{s.Dataset != nil, s.Zoo != nil, s.Analysis != nil} {
		if on {
			set++
		}
	}
	if set != 1 {
		return damaged("exactly one of dataset, zoo and analysis must be set")
	}
	if s.Analysis != nil {
		if err := checkAnalysis(s.Analysis); err != nil {
			return err
		}
	}
	if s.Zoo != nil {
		if err := checkZoo(s.Zoo); err != nil {
			return err
		}
	}
	for _, st := range s.Stages {
		if len(st.Shards) == 0 || len(st.Shards) > maxShards {
			return damaged(fmt.Sprintf("stage %q has %d shards", st.Name, len(st.Shards)))
		}
		for i, sh := range st.Shards {
			n := 0
			if s.Zoo != nil && st.Name == spec.StageTrain {
				n = CohortSize(s.Zoo, sh.Cohort)
			}
			if s.Zoo != nil && (st.Name == spec.StageTwins || st.Name == spec.StageMatch) {
				n = TwinCount(s.Zoo, sh.Twins, sh.Cohort)
			}
			if sh.From < 0 || sh.To < sh.From || sh.To > n {
				return damaged(fmt.Sprintf("stage %q, shard %d: members [%d, %d) of a cohort of %d", st.Name, i, sh.From, sh.To, n))
			}
		}
	}
	return nil
}

func checkZoo(z *spec.Zoo) error {
	if z.Import != nil {
		return checkImport(z)
	}
	if z.Parameters < 1 || z.Epochs < 1 || z.BatchSize < 1 || len(z.Cohorts) == 0 || len(z.Cells) == 0 {
		return damaged("zoo without parameters, epochs, batch size, cohorts or cells")
	}
	if seeds := seedCount(&z.Seeds); seeds < 1 || int64(seeds)*int64(len(z.Cells))*int64(len(z.Cohorts)) > MaxMembers {
		return damaged(fmt.Sprintf("zoo of %d seeds, %d cells and %d cohorts", seeds, len(z.Cells), len(z.Cohorts)))
	}
	if r := z.Seeds.Random; r != nil && r.Count > randomSeedRange/2 {
		return damaged(fmt.Sprintf("%d random seeds of %d", r.Count, randomSeedRange))
	}
	if err := checkTwins(z); err != nil {
		return err
	}
	depth := 0
	if z.Limit < 0 || z.Retention.Check() != nil {
		return damaged(fmt.Sprintf("limit %d, retention %+v", z.Limit, z.Retention))
	}
	for i := range z.Layers {
		if err := checkExtents("layer", &z.Layers[i]); err != nil {
			return damaged(err.Error())
		}
		depth += z.Layers[i].Depth
	}
	if len(z.Layers) > maxLayers || depth > maxDepth || z.Width < 0 || z.Width > maxWidth || (z.Architecture == spec.ArchitectureLayers) != (len(z.Layers) > 0) {
		return damaged(fmt.Sprintf("architecture %q with width %d, %d layers and %d blocks", z.Architecture, z.Width, len(z.Layers), depth))
	}
	if err := checkAdditions(z); err != nil {
		return err
	}
	numbers := []string{z.Momentum}
	if s := z.Schedule; s != nil {
		numbers = append(numbers, given(s.Gamma, s.Min, s.Rise, s.Div, s.FinalDiv, s.HighMomentum, s.LowMomentum, s.Factor, s.Threshold)...)
	}
	numbers = append(numbers, given(z.ClipNorm, z.ClipValue, z.LabelSmoothing)...)
	for _, c := range z.Cells {
		numbers = append(numbers, c.LearningRate, c.WeightDecay, c.Dropout)
	}
	for _, text := range numbers {
		if v, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return damaged(fmt.Sprintf("%q is not a number of 0 or above", text))
		}
	}
	return nil
}

// given leaves out numbers that are not set.
func given(numbers ...string) []string {
	return slices.DeleteFunc(numbers, func(s string) bool { return s == "" })
}

func damaged(problem string) error {
	return fmt.Errorf("plan.json: %s; the file is damaged, delete its ConfigMap", problem)
}
