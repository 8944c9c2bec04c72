package plan

import (
	"fmt"
	"strings"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// defaultMembersPerShard keeps checkpoints frequent and shards small enough to spread, while
// a pod still trains a population; defaultShardBytes bounds the slabs of larger networks.
// maxShards keeps the plan within a ConfigMap.
const (
	defaultMembersPerShard = 64
	defaultShardBytes      = 1 << 30
	maxShards              = 10_000
)

// ModelZoo plans the training of a population: cohorts (members that share the shape of the
// computation), shards of at most sharding.membersPerShard members, memory and disk. A
// *FieldError names what the user has to change. in.Dataset must be set.
func ModelZoo(z *v1alpha1.ModelZooSpec, in Inputs) (*spec.Snapshot, error) {
	z = z.DeepCopy()
	if z.Imported() {
		return importZoo(z, in)
	}
	if err := checkPreset(z); err != nil {
		return nil, err
	}
	DefaultModelZoo(z)
	if in.Dataset == nil {
		return nil, fmt.Errorf("plan ModelZoo %s/%s: no data set given", in.Namespace, in.Name)
	}
	if err := checkAugmentation(&z.Training, in.Dataset); err != nil {
		return nil, err
	}
	net, err := resolveNetwork(&z.Architecture, inputOf(&z.Training.Augmentation, in.Dataset), &z.InitialWeights)
	if err != nil {
		return nil, err
	}
	zoo, err := resolveZoo(z, net, in)
	if err != nil {
		return nil, err
	}
	if err := checkParent(zoo, net.net, in.ZooPlan); err != nil {
		return nil, err
	}
	shards, largest, err := cutShards(zoo, membersPerShard(z, net.params))
	if err != nil {
		return nil, err
	}
	total := Total(zoo)
	s := newSnapshot(spec.KindModelZoo, in, ModelZooSpecDigest(z))
	s.Zoo = zoo
	memory, worker := trainMemory(zoo, net.net, largest)
	twins, err := twinStages(zoo, net.net, func(params int) int { return membersPerShard(z, params) })
	if err != nil {
		return nil, err
	}
	s.Stages = append(append([]spec.Stage{
		{Name: spec.StageTrain, Shards: shards, MemoryBytes: memory, WorkerBytes: worker, GraceSeconds: graceSeconds(int64(largest) * int64(zoo.Parameters) * 16)},
	}, twins...), spec.Stage{Name: spec.StageIndex, Shards: []spec.Shard{{}}, MemoryBytes: indexMemory(total) + twinIndexMemory(zoo, total), GraceSeconds: graceSeconds(0)})
	s.DiskBytes = zooDisk(zoo, net.net, total) + twinDisk(zoo, net.net, total)
	return s, nil
}

func newSnapshot(kind string, in Inputs, specDigest string) *spec.Snapshot {
	return &spec.Snapshot{
		PlanVersion:  spec.PlanVersion,
		Numerics:     spec.NumericsVersion,
		Object:       spec.Object{Kind: kind, Namespace: in.Namespace, Name: in.Name},
		SpecDigest:   specDigest,
		Store:        in.StoreURL,
		ArtifactPath: in.Namespace + "/" + strings.ToLower(kind) + "/" + in.Name,
	}
}

func membersPerShard(z *v1alpha1.ModelZooSpec, params int) int {
	if z.Sharding != nil && z.Sharding.MembersPerShard > 0 {
		return int(z.Sharding.MembersPerShard)
	}
	return min(max(1, defaultShardBytes/(params*floatBytes*recordedSlabs)), defaultMembersPerShard)
}

func resolveZoo(z *v1alpha1.ModelZooSpec, n *network, in Inputs) (*spec.Zoo, error) {
	if err := checkTraining(&z.Training, &z.Population.Grid); err != nil {
		return nil, err
	}
	cells, err := resolveCells(&z.Population.Grid)
	if err != nil {
		return nil, err
	}
	if err := n.checkGrid(&z.Population.Grid); err != nil {
		return nil, err
	}
	cohorts, err := resolveCohorts(&z.Population.Grid)
	if err != nil {
		return nil, err
	}
	seeds, count, err := resolveSeeds(&z.Population.Seeds)
	if err != nil {
		return nil, err
	}
	retention, err := resolveRetention(&z.Retention)
	if err != nil {
		return nil, err
	}
	initial, err := resolveInitial(&z.InitialWeights, in)
	if err != nil {
		return nil, err
	}
	each := len(cells) * len(cohorts)
	if initial != nil {
		each *= len(initial.Models)
	}
	if total := int64(count) * int64(each); total > MaxMembers {
		return nil, &FieldError{
			"spec.population", fmt.Sprintf("%d seeds x %d grid points are %d models", count, each, total),
			fmt.Sprintf("a ModelZoo holds at most %d models; use fewer seeds or values, or several ModelZoos", MaxMembers),
		}
	}
	limit := int(z.Population.Limit)
	if limit < 0 {
		return nil, &FieldError{"spec.population.limit", fmt.Sprintf("%d models", limit), "use 1 or more, or remove it"}
	}
	zoo := &spec.Zoo{
		Dataset: *in.Dataset, Architecture: n.name, Width: n.width, Layers: n.layers, Parameters: n.params,
		Seeds: seeds, Cells: cells, Cohorts: cohorts, Limit: limit, Retention: retention, Initial: initial,
	}
	setTraining(zoo, &z.Training)
	zoo.Twins, err = resolveTwins(z.Twins, zoo)
	return zoo, err
}

// resolveCells multiplies the hyper-parameters that may differ within a cohort.
func resolveCells(g *v1alpha1.Grid) ([]spec.Cell, error) {
	const at = "spec.population.grid."
	rates, err := decimals(at+"learningRate", g.LearningRate, positive)
	if err != nil {
		return nil, err
	}
	decays, err := decimals(at+"weightDecay", g.WeightDecay, nonNegative)
	if err != nil {
		return nil, err
	}
	drops, err := decimals(at+"dropout", g.Dropout, probability)
	if err != nil {
		return nil, err
	}
	if err := unique(at+"initializer", g.Initializer); err != nil {
		return nil, err
	}
	known := []v1alpha1.Initializer{
		v1alpha1.InitializerUniform, v1alpha1.InitializerNormal, v1alpha1.InitializerKaimingUniform, v1alpha1.InitializerKaimingNormal,
		v1alpha1.InitializerXavierUniform, v1alpha1.InitializerXavierNormal, v1alpha1.InitializerTruncatedNormal, v1alpha1.InitializerOrthogonal,
	}
	if err := oneOf(at+"initializer", g.Initializer, known); err != nil {
		return nil, err
	}
	if n := int64(len(g.Initializer)) * int64(len(rates)) * int64(len(decays)) * int64(len(drops)); n > MaxMembers {
		return nil, &FieldError{"spec.population.grid", fmt.Sprintf("%d grid points", n), fmt.Sprintf("a ModelZoo holds at most %d models", MaxMembers)}
	}
	var cells []spec.Cell
	for _, init := range g.Initializer {
		for _, lr := range rates {
			for _, wd := range decays {
				for _, drop := range drops {
					cells = append(cells, spec.Cell{Initializer: string(init), LearningRate: lr, WeightDecay: wd, Dropout: drop})
				}
			}
		}
	}
	return cells, nil
}

func resolveCohorts(g *v1alpha1.Grid) ([]spec.Cohort, error) {
	const at = "spec.population.grid."
	if err := unique(at+"activation", g.Activation); err != nil {
		return nil, err
	}
	if err := unique(at+"optimizer", g.Optimizer); err != nil {
		return nil, err
	}
	activations := []v1alpha1.Activation{
		v1alpha1.ActivationTanh, v1alpha1.ActivationReLU, v1alpha1.ActivationSigmoid, v1alpha1.ActivationGELU,
		v1alpha1.ActivationSiLU, v1alpha1.ActivationLeakyReLU,
	}
	if err := oneOf(at+"activation", g.Activation, activations); err != nil {
		return nil, err
	}
	if err := oneOf(at+"optimizer", g.Optimizer, []v1alpha1.Optimizer{v1alpha1.OptimizerAdam, v1alpha1.OptimizerSGD, v1alpha1.OptimizerAdamW}); err != nil {
		return nil, err
	}
	var out []spec.Cohort
	for _, a := range g.Activation {
		for _, o := range g.Optimizer {
			out = append(out, spec.Cohort{Activation: string(a), Optimizer: string(o)})
		}
	}
	return out, nil
}

func unique[T ~string](field string, list []T) error {
	seen := map[T]bool{}
	for i, v := range list {
		if seen[v] {
			return &FieldError{fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%q stands twice", v), "remove one of them"}
		}
		seen[v] = true
	}
	return nil
}

func oneOf[T ~string](field string, list, allowed []T) error {
	for i, v := range list {
		found := false
		for _, a := range allowed {
			found = found || a == v
		}
		if !found {
			return &FieldError{fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("unknown value %q", v), fmt.Sprintf("use one of %v", allowed)}
		}
	}
	return nil
}

// cutShards cuts every cohort into blocks of fixed size. Fixed blocks keep the shards of
// existing members when seeds are appended or the limit is raised.
func cutShards(z *spec.Zoo, size int) (shards []spec.Shard, largest int, err error) {
	count := 0
	for c := range z.Cohorts {
		count += (CohortSize(z, c) + size - 1) / size
	}
	if count > maxShards {
		return nil, 0, &FieldError{
			"spec.sharding.membersPerShard", fmt.Sprintf("%d members each give %d shards", size, count),
			fmt.Sprintf("a plan holds at most %d shards; raise it", maxShards),
		}
	}
	for c := range z.Cohorts {
		n := CohortSize(z, c)
		for from := 0; from < n; from += size {
			to := min(from+size, n)
			shards = append(shards, spec.Shard{Cohort: c, From: from, To: to})
			largest = max(largest, to-from)
		}
	}
	return shards, largest, nil
}
