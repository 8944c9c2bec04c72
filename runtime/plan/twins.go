package plan

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Limits on twins: MaxTwinSets is the schema's, maxTwinStates keeps their summary within a termination message.
const (
	maxTwinSets   = 16
	maxTwinStates = 24
)

// Intervals of variational dropout's settings: exp of them stays finite in float32.
var (
	clamp       = bound{min: 0, max: 80, openMin: true, openMax: true, text: "in (0, 80)"}
	logAlpha    = bound{min: -80, max: 80, text: "in [-80, 80]"}
	logVariance = bound{min: -100, max: 20, openMax: true, text: "in [-100, 20)"}
)

// defaultTwins fills in the published settings (card sparse-twins); what it leaves open depends on the data set.
func defaultTwins(z *v1alpha1.ModelZooSpec) {
	for i := range z.Twins {
		t := &z.Twins[i]
		if t.Method != v1alpha1.TwinVariationalDropout {
			setText(&t.Scope, v1alpha1.PruningScopeGlobal)
			setText(&t.Schedule, v1alpha1.PruningScheduleOneShot)
			setPointer(&t.FinetuneEpochs, 15)
			setPointer(&t.PruneBias, false)
			if t.Schedule == v1alpha1.PruningScheduleCubic {
				setText(&t.Cubic.InitialSparsity, "0")
				setPointer(&t.Cubic.StartStep, 0)
			}
			continue
		}
		v := &t.VariationalDropout
		setNumber(&v.Epochs, 25)
		setText(&v.KLWeight.Kind, v1alpha1.KLLinear)
		setText(&v.KLWeight.Max, "0.01")
		setText(&v.LogAlphaThreshold, "3")
		setText(&v.InitLogSigma2, "-10")
		setText(&v.ClampLinear, "10")
		setText(&v.ClampConv, "8")
		setPointer(&v.VariationalConvBias, true)
	}
}

// resolveTwins translates spec.twins. zoo is resolved but for its twins.
func resolveTwins(list []v1alpha1.Twin, zoo *spec.Zoo) ([]spec.TwinSet, error) {
	if len(list) > 0 && zoo.Objective != "" {
		return nil, &FieldError{"spec.twins", "the members are trained with objective " + zoo.Objective + ", which classifies nothing", "remove spec.twins"}
	}
	if len(list) > maxTwinSets {
		return nil, &FieldError{"spec.twins", fmt.Sprintf("%d entries", len(list)), fmt.Sprintf("use at most %d", maxTwinSets)}
	}
	var sets []spec.TwinSet
	states := 0
	for i := range list {
		at := fmt.Sprintf("spec.twins[%d]", i)
		s, err := resolveTwin(at, &list[i], list, zoo)
		if err != nil {
			return nil, err
		}
		states += s.States()
		sets = append(sets, *s)
	}
	if states > maxTwinStates {
		return nil, &FieldError{"spec.twins", fmt.Sprintf("%d twins of each model", states), fmt.Sprintf("use at most %d in all, or several ModelZoos", maxTwinStates)}
	}
	return sets, distinctTwins(sets, zoo)
}

// distinctTwins refuses settings that give one twin two places.
func distinctTwins(sets []spec.TwinSet, zoo *spec.Zoo) error {
	z := *zoo
	z.Twins = sets
	seen := map[string]int{}
	for i := range sets {
		for k := range sets[i].States() {
			id := twinOf(&z, i, k, &spec.Member{}).ID
			if other, twice := seen[id]; twice {
				return &FieldError{fmt.Sprintf("spec.twins[%d]", i), fmt.Sprintf("it asks for a twin that spec.twins[%d] asks for", other), "remove one of them, or its sparsity"}
			}
			seen[id] = i
		}
	}
	return nil
}

func resolveTwin(at string, t *v1alpha1.Twin, list []v1alpha1.Twin, zoo *spec.Zoo) (*spec.TwinSet, error) {
	if n := slices.IndexFunc(list, func(o v1alpha1.Twin) bool { return o.Name == t.Name }); t.Name == "" || &list[n] != t {
		return nil, &FieldError{at + ".name", fmt.Sprintf("%q is empty or stands twice", t.Name), "give each entry a name of its own"}
	}
	s := &spec.TwinSet{Name: t.Name, Method: string(t.Method), FromEpoch: zoo.Epochs}
	if t.FromEpoch != nil {
		s.FromEpoch = int(*t.FromEpoch)
	}
	switch {
	case s.FromEpoch < 0 || s.FromEpoch > zoo.Epochs:
		return nil, &FieldError{at + ".fromEpoch", fmt.Sprintf("epoch %d of %d", s.FromEpoch, zoo.Epochs), "use an epoch of spec.training, or remove it"}
	case !zoo.Retention.Keeps(s.FromEpoch, zoo.Epochs):
		return nil, &FieldError{at + ".fromEpoch", fmt.Sprintf("spec.retention does not keep the weights of epoch %d", s.FromEpoch), "use an epoch that it keeps; the last always is"}
	}
	if t.Method == v1alpha1.TwinVariationalDropout {
		return s, resolveVariational(at, t, s)
	}
	if t.Method != v1alpha1.TwinMagnitude && t.Method != v1alpha1.TwinRandom {
		return nil, &FieldError{at + ".method", fmt.Sprintf("unknown value %q", t.Method), "use magnitude, random or variationalDropout"}
	}
	if t.VariationalDropout != (v1alpha1.VariationalDropout{}) {
		return nil, &FieldError{at + ".variationalDropout", "it is set with method " + s.Method, "remove it, or use method variationalDropout"}
	}
	if err := resolveSparsity(at, t, list, s); err != nil {
		return nil, err
	}
	return s, resolvePruning(at, t, s, stepsPerEpoch(zoo))
}

func stepsPerEpoch(zoo *spec.Zoo) int { return (zoo.Dataset.Train + zoo.BatchSize - 1) / zoo.BatchSize }

// resolveSparsity sets what is dropped in the end.
func resolveSparsity(at string, t *v1alpha1.Twin, list []v1alpha1.Twin, s *spec.TwinSet) error {
	s.Layer, s.Bias = t.Scope == v1alpha1.PruningScopeLayer, *t.PruneBias
	if err := word(at+".scope", t.Scope, []v1alpha1.PruningScope{v1alpha1.PruningScopeGlobal, v1alpha1.PruningScopeLayer}); err != nil {
		return err
	}
	if (len(t.Sparsity) == 0) == (t.MatchSparsity == "") {
		return &FieldError{at, "sparsity and matchSparsity: both or none are set", "set exactly one"}
	}
	if t.MatchSparsity == "" {
		texts, err := decimals(at+".sparsity", t.Sparsity, epsilon)
		for _, text := range texts {
			s.Sparsity = append(s.Sparsity, canonicalDecimal(text))
		}
		return err
	}
	n := slices.IndexFunc(list, func(o v1alpha1.Twin) bool { return o.Name == t.MatchSparsity })
	switch {
	case n < 0 || list[n].Method != v1alpha1.TwinVariationalDropout:
		return &FieldError{at + ".matchSparsity", fmt.Sprintf("%q names no twins by variationalDropout", t.MatchSparsity), "use the name of such an entry of spec.twins"}
	case s.Bias:
		return &FieldError{at + ".pruneBias", "it does not go with matchSparsity, which counts weights only", "remove it"}
	}
	s.Match = n + 1
	return nil
}

// resolvePruning sets the schedule; steps are those of an epoch.
func resolvePruning(at string, t *v1alpha1.Twin, s *spec.TwinSet, steps int) error {
	s.Epochs, s.Schedule = int(*t.FinetuneEpochs), string(t.Schedule)
	if s.Epochs < 0 {
		return &FieldError{at + ".finetuneEpochs", fmt.Sprintf("%d epochs", s.Epochs), "use 0 or more"}
	}
	if s.Schedule != spec.PruningIterative && t.Iterative != (v1alpha1.IterativePruning{}) {
		return &FieldError{at + ".iterative", "it is set with schedule " + s.Schedule, "remove it, or use schedule iterative"}
	}
	if s.Schedule != spec.PruningCubic && t.Cubic != (v1alpha1.CubicPruning{}) {
		return &FieldError{at + ".cubic", "it is set with schedule " + s.Schedule, "remove it, or use schedule cubic"}
	}
	all := s.Epochs * steps
	switch s.Schedule {
	case spec.PruningOneShot:
		return nil
	case spec.PruningIterative:
		if s.Rounds = int(t.Iterative.Rounds); s.Rounds == 0 {
			s.Rounds = max(1, s.Epochs/3)
		}
		if s.Every = all / max(s.Rounds, 1); s.Every < 1 {
			return &FieldError{at + ".iterative.rounds", fmt.Sprintf("%d rounds in %d training steps", s.Rounds, all), "use fewer rounds or more finetuneEpochs"}
		}
		return nil
	case spec.PruningCubic:
		return resolveCubic(at, t, s, steps)
	}
	return word(at+".schedule", t.Schedule, []v1alpha1.PruningSchedule{
		v1alpha1.PruningScheduleOneShot, v1alpha1.PruningScheduleIterative, v1alpha1.PruningScheduleCubic,
	})
}

func resolveCubic(at string, t *v1alpha1.Twin, s *spec.TwinSet, steps int) error {
	c := &t.Cubic
	if err := checkDecimal(at+".cubic.initialSparsity", c.InitialSparsity, probability); err != nil {
		return err
	}
	s.Initial = canonicalDecimal(string(c.InitialSparsity))
	for i, text := range s.Sparsity {
		if mustFloat(text) < mustFloat(s.Initial) {
			return &FieldError{at + ".cubic.initialSparsity", fmt.Sprintf("%s is above sparsity %s", s.Initial, t.Sparsity[i]), "use a lower value"}
		}
	}
	all := s.Epochs * steps
	s.Start, s.Every, s.Rounds = int(*c.StartStep), int(c.EverySteps), int(c.Rounds)
	if s.Every == 0 {
		s.Every = max(1, min(steps, 2*all/3))
	}
	if s.Rounds == 0 {
		s.Rounds = max(1, (2*all/3-s.Start)/s.Every)
	}
	if last := s.Start + s.Rounds*s.Every; s.Start < 0 || s.Every < 0 || s.Rounds < 0 || last >= all {
		return &FieldError{at + ".cubic", fmt.Sprintf("the last of %d rounds, one every %d steps from step %d on, is at step %d of %d", s.Rounds, s.Every, s.Start, last, all), "use fewer rounds or steps, or more finetuneEpochs"}
	}
	return nil
}

// resolveVariational sets the settings of variational dropout.
func resolveVariational(at string, t *v1alpha1.Twin, s *spec.TwinSet) error {
	if len(t.Sparsity) > 0 || t.MatchSparsity != "" || t.Scope != "" || t.Schedule != "" || t.FinetuneEpochs != nil || t.PruneBias != nil ||
		t.Iterative != (v1alpha1.IterativePruning{}) || t.Cubic != (v1alpha1.CubicPruning{}) {
		return &FieldError{at, "fields of pruning are set with method variationalDropout", "set only name, fromEpoch and variationalDropout"}
	}
	at += ".variationalDropout"
	v := &t.VariationalDropout
	if v.Epochs < 1 {
		return &FieldError{at + ".epochs", fmt.Sprintf("%d epochs", v.Epochs), "use 1 or more"}
	}
	if err := word(at+".klWeight.kind", v.KLWeight.Kind, []v1alpha1.KLSchedule{v1alpha1.KLLinear, v1alpha1.KLConstant}); err != nil {
		return err
	}
	s.Epochs = int(v.Epochs)
	s.Variational = &spec.Variational{KL: string(v.KLWeight.Kind), PlainBias: !*v.VariationalConvBias}
	for _, d := range []struct {
		field string
		value v1alpha1.Decimal
		bound bound
		to    *string
	}{
		{".klWeight.max", v.KLWeight.Max, nonNegative, &s.Variational.Max},
		{".logAlphaThreshold", v.LogAlphaThreshold, logAlpha, &s.Variational.Threshold},
		{".initLogSigma2", v.InitLogSigma2, logVariance, &s.Variational.Init},
		{".clampLinear", v.ClampLinear, clamp, &s.Variational.ClampLinear},
		{".clampConv", v.ClampConv, clamp, &s.Variational.ClampConv},
	} {
		if err := checkDecimal(at+d.field, d.value, d.bound); err != nil {
			return err
		}
		*d.to = canonicalDecimal(string(d.value))
	}
	if most := min(mustFloat(s.Variational.ClampLinear), mustFloat(s.Variational.ClampConv)); math.Abs(mustFloat(s.Variational.Threshold)) > most {
		return &FieldError{at + ".logAlphaThreshold", fmt.Sprintf("%q is beyond a clamp of log alpha, %v", v.LogAlphaThreshold, most), "use a value within both clamps"}
	}
	if v.LogSigma2LearningRate == "" {
		return nil
	}
	s.Variational.Rate = canonicalDecimal(string(v.LogSigma2LearningRate))
	return checkDecimal(at+".logSigma2LearningRate", v.LogSigma2LearningRate, positive)
}

// twinStages are the stages between training and index. net is the parents' network, size how many twins a shard has at most.
func twinStages(z *spec.Zoo, net nn.Sequential, size func(params int) int) ([]spec.Stage, error) {
	var out []spec.Stage
	for _, name := range []string{spec.StageTwins, spec.StageMatch} {
		st := spec.Stage{Name: name}
		for i := range z.Twins {
			if TwinStage(&z.Twins[i]) != name {
				continue
			}
			largest := cutTwins(z, i, size(z.Parameters*twinRows(&z.Twins[i])), &st)
			memory, worker := twinMemory(z, &z.Twins[i], net, largest)
			st.MemoryBytes, st.WorkerBytes = max(st.MemoryBytes, memory), max(st.WorkerBytes, worker)
			state := int64(largest) * int64(z.Parameters) * int64(twinRows(&z.Twins[i])) * 16
			st.GraceSeconds = max(st.GraceSeconds, graceSeconds(state))
		}
		if len(st.Shards) > maxShards {
			return nil, &FieldError{"spec.twins", fmt.Sprintf("%d shards", len(st.Shards)), fmt.Sprintf("a stage holds at most %d; raise spec.sharding.membersPerShard", maxShards)}
		}
		if len(st.Shards) > 0 {
			out = append(out, st)
		}
	}
	return out, nil
}

// TwinStage is the stage in which the twins of a set are made.
func TwinStage(t *spec.TwinSet) string {
	if t.Match > 0 {
		return spec.StageMatch
	}
	return spec.StageTwins
}

// cutTwins cuts the twins of a set into blocks of fixed size, cohort by cohort.
func cutTwins(z *spec.Zoo, set, size int, st *spec.Stage) (largest int) {
	for c := range z.Cohorts {
		n := TwinCount(z, set, c)
		for from := 0; from < n; from += size {
			to := min(from+size, n)
			st.Shards = append(st.Shards, spec.Shard{Cohort: c, From: from, To: to, Twins: set})
			largest = max(largest, to-from)
		}
	}
	return largest
}

// twinRows is how many parameters a twin trains for each of its parent's: variational dropout has variances too.
func twinRows(t *spec.TwinSet) int {
	if t.Variational != nil {
		return 2
	}
	return 1
}

// twinMemory is trainMemory of twins: with the weights that a judge scores, the parents', and predictions of both.
func twinMemory(z *spec.Zoo, t *spec.TwinSet, net nn.Sequential, members int) (total, worker int64) {
	of := *z
	of.Epochs, of.Parameters = t.Epochs, z.Parameters*twinRows(t)
	total, worker = trainMemory(&of, net, members)
	const judged = 4
	return total + int64(members)*(judged*floatBytes*int64(z.Parameters)+4*int64(z.Dataset.Test)), worker
}

// twinRowBytes is one (twin, epoch) while the index is built, with its layers and rows of tables.
const twinRowBytes = 2 << 10

// twinIndexMemory is what twins add to the memory of the index.
func twinIndexMemory(z *spec.Zoo, members int) int64 {
	n := int64(0)
	for i := range z.Twins {
		n += int64(members) * int64(z.Twins[i].States()) * int64(z.Twins[i].Epochs+1) * twinRowBytes
	}
	return n
}

// twinDisk is the size of the twins' shards.
func twinDisk(z *spec.Zoo, net nn.Sequential, members int) int64 {
	n := int64(0)
	for i := range z.Twins {
		t := &z.Twins[i]
		of := *z
		of.Epochs = t.Epochs
		n += zooDisk(&of, net, members*t.States()) * int64(twinRows(t))
	}
	return n
}
