package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/spec"
)

// TwinCount is the number of twins of a set whose parents are of a cohort.
func TwinCount(z *spec.Zoo, set, cohort int) int {
	if set < 0 || set >= len(z.Twins) {
		return 0
	}
	return CohortSize(z, cohort) * z.Twins[set].States()
}

// Twins returns the twins [from, to) of a set whose parents are of a cohort: parents outermost, so that appended members append
// twins and move none.
func Twins(z *spec.Zoo, set, cohort, from, to int) []spec.Twin {
	if n := TwinCount(z, set, cohort); from < 0 || to > n || from > to {
		panic(fmt.Sprintf("plan: twins [%d, %d) of set %d, cohort %d, which has %d", from, to, set, cohort, n))
	}
	states := z.Twins[set].States()
	first := from / states
	parents := Members(z, cohort, first, (to+states-1)/states)
	out := make([]spec.Twin, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, twinOf(z, set, i%states, &parents[i/states-first]))
	}
	return out
}

// twinIdentity is everything that determines a twin's trajectory. Field order and names are frozen; a field added later is absent when
// it has its default. The number of epochs is there only where the trajectory depends on it.
type twinIdentity struct {
	Numerics    string            `json:"numerics"`
	Parent      string            `json:"parent"`
	Epoch       int               `json:"epoch"`
	Method      string            `json:"method"`
	Sparsity    string            `json:"sparsity,omitempty"`
	Match       string            `json:"match,omitempty"`
	Layer       bool              `json:"layer,omitempty"`
	Bias        bool              `json:"bias,omitempty"`
	Schedule    string            `json:"schedule,omitempty"`
	Start       int               `json:"start,omitempty"`
	Rounds      int               `json:"rounds,omitempty"`
	Every       int               `json:"every,omitempty"`
	Initial     string            `json:"initial,omitempty"`
	Variational *spec.Variational `json:"variational,omitempty"`
	Epochs      int               `json:"epochs,omitempty"`
}

// twinOf is the twin of a parent in one state of a set.
func twinOf(z *spec.Zoo, set, state int, parent *spec.Member) spec.Twin {
	t := &z.Twins[set]
	out := spec.Twin{Parent: *parent, Set: set, State: state}
	id := twinIdentity{
		Numerics: spec.NumericsVersion, Parent: parent.ID, Epoch: t.FromEpoch, Method: t.Method,
		Layer: t.Layer, Bias: t.Bias, Schedule: t.Schedule, Start: t.Start, Rounds: t.Rounds, Every: t.Every, Initial: t.Initial,
		Variational: t.Variational,
	}
	if t.Variational != nil {
		id.Epochs = t.Epochs // the weight of the divergence depends on it
	}
	if len(t.Sparsity) > 0 {
		id.Sparsity = t.Sparsity[state]
	}
	if t.Match > 0 {
		out.Match = twinOf(z, t.Match-1, 0, parent).ID
		id.Match = out.Match
	}
	b, err := json.Marshal(id)
	if err != nil {
		panic("plan: a twin's identity is made of strings and integers: " + err.Error())
	}
	sum := sha256.Sum256(b)
	out.ID = hex.EncodeToString(sum[:16])
	return out
}

// checkTwins refuses sets that resolveTwins would not have made.
func checkTwins(z *spec.Zoo) error {
	states := 0
	for i := range z.Twins {
		t := &z.Twins[i]
		states += t.States()
		pruned := t.Method == spec.TwinMagnitude || t.Method == spec.TwinRandom
		variational := t.Method == spec.TwinVariationalDropout && t.Variational != nil && len(t.Sparsity) == 0 && t.Match == 0
		switch {
		case t.FromEpoch < 0 || t.FromEpoch > z.Epochs || t.Epochs < 0 || !pruned && !variational,
			pruned && (t.Variational != nil || (len(t.Sparsity) == 0) == (t.Match == 0) || t.Start < 0 || t.Rounds < 0 || t.Every < 0),
			t.Match < 0 || t.Match > len(z.Twins) || t.Match > 0 && z.Twins[t.Match-1].Variational == nil,
			pruned && !slices.Contains([]string{spec.PruningOneShot, spec.PruningIterative, spec.PruningCubic}, t.Schedule):
			return damaged(fmt.Sprintf("twins %q", t.Name))
		}
		numbers := given(append([]string{t.Initial}, t.Sparsity...)...)
		if v := t.Variational; v != nil {
			numbers = append(numbers, given(v.Max, v.Threshold, v.Init, v.ClampLinear, v.ClampConv, v.Rate)...)
		}
		for _, text := range numbers {
			if v, err := strconv.ParseFloat(text, 64); err != nil || canonicalDecimal(text) != text || !finite.contains(v) {
				return damaged(fmt.Sprintf("twins %q: %q is not a canonical number", t.Name, text))
			}
		}
	}
	if len(z.Twins) > maxTwinSets || states > maxTwinStates {
		return damaged(fmt.Sprintf("%d twins of each model in %d sets", states, len(z.Twins)))
	}
	return nil
}
