package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// randomSeedRange is the range of drawn seeds, as in the published zoos.
const randomSeedRange = 1_000_000

func resolveSeeds(s *v1alpha1.Seeds) (spec.Seeds, int, error) {
	const at = "spec.population.seeds"
	set, random := 0, s.Random != v1alpha1.RandomSeeds{}
	for _, on := range []bool{s.Count != 0, len(s.Values) != 0, random} {
		if on {
			set++
		}
	}
	if set != 1 {
		return spec.Seeds{}, 0, &FieldError{at, fmt.Sprintf("%d of count, values and random are set", set), "set exactly one, to at least one seed"}
	}
	switch {
	case random:
		if s.Random.Count < 1 || int(s.Random.Count) > MaxMembers {
			return spec.Seeds{}, 0, &FieldError{at + ".random.count", fmt.Sprintf("%d seeds", s.Random.Count), fmt.Sprintf("use 1 to %d", MaxMembers)}
		}
		return spec.Seeds{Random: &spec.RandomSeeds{Count: int(s.Random.Count), RootSeed: *s.Random.RootSeed}}, int(s.Random.Count), nil
	case len(s.Values) != 0:
		seen := map[int64]bool{}
		for i, v := range s.Values {
			if v < 0 || seen[v] {
				return spec.Seeds{}, 0, &FieldError{fmt.Sprintf("%s.values[%d]", at, i), fmt.Sprintf("seed %d is negative or stands twice", v), "use distinct seeds of 0 or above"}
			}
			seen[v] = true
		}
		return spec.Seeds{Values: append([]int64(nil), s.Values...)}, len(s.Values), nil
	default:
		if s.Count < 1 || int(s.Count) > MaxMembers {
			return spec.Seeds{}, 0, &FieldError{at + ".count", fmt.Sprintf("%d seeds", s.Count), fmt.Sprintf("use 1 to %d", MaxMembers)}
		}
		return spec.Seeds{Count: int(s.Count)}, int(s.Count), nil
	}
}

func seedCount(s *spec.Seeds) int {
	switch {
	case s.Random != nil:
		return s.Random.Count
	case len(s.Values) != 0:
		return len(s.Values)
	default:
		return s.Count
	}
}

// Total returns the number of members of a zoo.
func Total(z *spec.Zoo) int {
	all := seedCount(&z.Seeds) * points(z) * len(z.Cohorts)
	if z.Limit > 0 {
		return min(z.Limit, all)
	}
	return all
}

// CohortSize returns the number of members of a cohort. Cohorts are equally large unless the zoo is limited.
func CohortSize(z *spec.Zoo, cohort int) int {
	if cohort < 0 || cohort >= len(z.Cohorts) {
		return 0
	}
	if z.Limit > 0 {
		return limitedSize(z, cohort)
	}
	return seedCount(&z.Seeds) * points(z)
}

// Members returns the members [from, to) of a cohort. Seeds are outermost, then the models that are continued, cells
// innermost, so that appended seeds append members and move none. The cells of a limited zoo stand in the balanced order, so
// that a higher limit appends members too.
func Members(z *spec.Zoo, cohort, from, to int) []spec.Member {
	n := CohortSize(z, cohort)
	if from < 0 || to > n || from > to {
		panic(fmt.Sprintf("plan: members [%d, %d) of cohort %d, which has %d", from, to, cohort, n))
	}
	seeds := newSeedTable(z, cohort)
	out := make([]spec.Member, 0, to-from)
	order := pointOrder(z, cohort)
	n = points(z)
	for i := from; i < to; i++ {
		point := i % n
		if order != nil {
			point = order[point]
		}
		cell, parent := pointOf(z, point)
		out = append(out, member(z, z.Cohorts[cohort], z.Cells[cell], seeds.at(i/n, cell), parent))
	}
	return out
}

func member(z *spec.Zoo, co spec.Cohort, cell spec.Cell, seed uint64, parent string) spec.Member {
	m := spec.Member{
		Seed: seed, Activation: co.Activation, Optimizer: co.Optimizer, Initializer: cell.Initializer,
		LearningRate: mustFloat(cell.LearningRate), WeightDecay: mustFloat(cell.WeightDecay), Dropout: mustFloat(cell.Dropout),
		Parent: parent,
	}
	m.ID = modelID(z, &m)
	return m
}

// identity is everything that determines a member's trajectory. Field order and names are
// frozen: changing them renames every model, and a field added later is absent when it has its default. The recipe's
// length is there only if the schedule depends on it.
type identity struct {
	Numerics     string `json:"numerics"`
	Data         string `json:"data"`
	Architecture string `json:"architecture"`
	Activation   string `json:"activation"`
	Initializer  string `json:"initializer"`
	Optimizer    string `json:"optimizer"`
	Momentum     string `json:"momentum,omitempty"`
	BatchSize    int    `json:"batchSize"`
	LearningRate string `json:"learningRate"`
	WeightDecay  string `json:"weightDecay"`
	Dropout      string `json:"dropout"`
	Seed         uint64 `json:"seed"`

	Width          int            `json:"width,omitempty"`
	Layers         []spec.Layer   `json:"layers,omitempty"`
	Nesterov       bool           `json:"nesterov,omitempty"`
	Schedule       *spec.Schedule `json:"schedule,omitempty"`
	Epochs         int            `json:"epochs,omitempty"`
	ClipNorm       string         `json:"clipNorm,omitempty"`
	ClipValue      string         `json:"clipValue,omitempty"`
	LabelSmoothing string         `json:"labelSmoothing,omitempty"`

	Augmentation *spec.Augmentation `json:"augmentation,omitempty"`
	Objective    string             `json:"objective,omitempty"`
	Temperature  string             `json:"temperature,omitempty"`
	Parent       string             `json:"parent,omitempty"`
	ParentEpoch  int                `json:"parentEpoch,omitempty"`
	Head         string             `json:"head,omitempty"`
	Hidden       int                `json:"hidden,omitempty"`
}

func modelID(z *spec.Zoo, m *spec.Member) string {
	id := identity{
		Numerics: spec.NumericsVersion, Data: z.Dataset.ResultDigest, Architecture: z.Architecture,
		Activation: m.Activation, Initializer: m.Initializer, Optimizer: m.Optimizer, BatchSize: z.BatchSize,
		LearningRate: formatFloat(m.LearningRate), WeightDecay: formatFloat(m.WeightDecay), Dropout: formatFloat(m.Dropout), Seed: m.Seed,
		Width: z.Width, Layers: z.Layers, Schedule: z.Schedule, ClipNorm: z.ClipNorm, ClipValue: z.ClipValue, LabelSmoothing: z.LabelSmoothing,
		Augmentation: z.Augmentation, Objective: z.Objective, Temperature: z.Temperature, Parent: m.Parent,
	}
	if w := z.Initial; w != nil {
		id.ParentEpoch, id.Head, id.Hidden = w.Epoch, w.Head, w.Hidden
	}
	if m.Optimizer == string(v1alpha1.OptimizerSGD) {
		id.Momentum, id.Nesterov = z.Momentum, z.Nesterov
	}
	if needsEpochs(z.Schedule) {
		id.Epochs = z.Epochs
	}
	b, err := json.Marshal(id)
	if err != nil {
		panic("plan: a member's identity is made of strings and integers: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// seedTable gives the seed of the i-th repetition of a cell.
type seedTable struct {
	seeds *spec.Seeds
	drawn [][]uint64 // per cell, with random seeds
}

func newSeedTable(z *spec.Zoo, cohort int) *seedTable {
	t := &seedTable{seeds: &z.Seeds}
	if z.Seeds.Random == nil {
		return t
	}
	t.drawn = make([][]uint64, len(z.Cells))
	for c, cell := range z.Cells {
		t.drawn[c] = drawSeeds(z.Seeds.Random, z.Cohorts[cohort], cell)
	}
	return t
}

func (t *seedTable) at(i, cell int) uint64 {
	switch {
	case t.drawn != nil:
		return t.drawn[cell][i]
	case len(t.seeds.Values) != 0:
		return uint64(t.seeds.Values[i])
	default:
		return uint64(i + 1)
	}
}

// drawSeeds draws distinct seeds in [0, 1000000) for one grid point. Draw k depends on the
// root seed, the point and k only, so a larger count extends a smaller one.
func drawSeeds(r *spec.RandomSeeds, co spec.Cohort, cell spec.Cell) []uint64 {
	prefix := fmt.Sprintf("population/seeds %d %s %s %s %s %s %s ", r.RootSeed, co.Activation, co.Optimizer, cell.Initializer,
		canonicalDecimal(cell.LearningRate), canonicalDecimal(cell.WeightDecay), canonicalDecimal(cell.Dropout))
	seen := make(map[uint64]bool, r.Count)
	out := make([]uint64, 0, r.Count)
	for k := 0; len(out) < r.Count; k++ {
		sum := sha256.Sum256([]byte(prefix + strconv.Itoa(k)))
		seed := binary.LittleEndian.Uint64(sum[:8]) % randomSeedRange
		if !seen[seed] {
			seen[seed] = true
			out = append(out, seed)
		}
	}
	return out
}

func mustFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("plan: snapshot holds a decimal that was not checked: " + s)
	}
	return v
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
