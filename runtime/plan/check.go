package plan

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/runtime/spec"
)

// checkSnapshot refuses a plan that this package would not have made, so that programs can
// index and parse without checking again: a ConfigMap may have been written by somebody else.
func checkSnapshot(s *spec.Snapshot) error {
	if (s.Dataset == nil) == (s.Zoo == nil) {
		return damaged("exactly one of dataset and zoo must be set")
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
			if sh.From < 0 || sh.To < sh.From || sh.To > n {
				return damaged(fmt.Sprintf("stage %q, shard %d: members [%d, %d) of a cohort of %d", st.Name, i, sh.From, sh.To, n))
			}
		}
	}
	return nil
}

func checkZoo(z *spec.Zoo) error {
	if z.Parameters < 1 || z.Epochs < 1 || z.BatchSize < 1 || len(z.Cohorts) == 0 || len(z.Cells) == 0 {
		return damaged("zoo without parameters, epochs, batch size, cohorts or cells")
	}
	if seeds := seedCount(&z.Seeds); seeds < 1 || int64(seeds)*int64(len(z.Cells))*int64(len(z.Cohorts)) > MaxMembers {
		return damaged(fmt.Sprintf("zoo of %d seeds, %d cells and %d cohorts", seeds, len(z.Cells), len(z.Cohorts)))
	}
	if r := z.Seeds.Random; r != nil && r.Count > randomSeedRange/2 {
		return damaged(fmt.Sprintf("%d random seeds of %d", r.Count, randomSeedRange))
	}
	numbers := []string{z.Momentum}
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

func damaged(problem string) error {
	return fmt.Errorf("plan.json: %s; the file is damaged, delete its ConfigMap", problem)
}
