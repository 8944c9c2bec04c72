package plan

import "github.com/weightspace/weightspace/api/v1alpha1"

// DefaultModelZoo writes a preset out and fills in what is not set: the defaults of the ModelZoo schema, for callers without an API
// server, and those of grid and recipe, which the schema leaves open because a preset may fill them in.
func DefaultModelZoo(z *v1alpha1.ModelZooSpec) {
	if z.Imported() {
		defaultExecution(&z.Execution)
		return // the files say the rest
	}
	expandPreset(z)
	if z.Preset != "" {
		defaultExecution(&z.Execution)
		return // checkPreset says what is wrong
	}
	g := &z.Population.Grid
	setList(&g.Activation, v1alpha1.ActivationTanh)
	setList(&g.Initializer, v1alpha1.InitializerKaimingUniform)
	setList(&g.Optimizer, v1alpha1.OptimizerAdam)
	setList(&g.LearningRate, "1e-3")
	setList(&g.WeightDecay, "0")
	setList(&g.Dropout, "0")
	if z.Training.BatchSize == 0 {
		z.Training.BatchSize = 64
	}
	setText(&z.Training.Momentum, "0.9")
	setText(&z.Training.MomentumForm, v1alpha1.MomentumClassical)
	setText(&z.Training.LabelSmoothing, "0")
	defaultSchedule(&z.Training.Schedule)
	defaultAugmentation(&z.Training.Augmentation)
	if z.Training.Objective == v1alpha1.ObjectiveContrastive {
		setText(&z.Training.Temperature, "0.07")
	}
	defaultInitial(&z.InitialWeights)
	for i := range z.Architecture.Layers {
		defaultLayer(&z.Architecture.Layers[i])
	}
	if r := &z.Population.Seeds.Random; *r != (v1alpha1.RandomSeeds{}) {
		setPointer(&r.RootSeed, 7)
	}
	defaultTwins(z)
	defaultExecution(&z.Execution)
}

// DefaultDataset fills in the defaults of the Dataset schema, for callers without an API server.
func DefaultDataset(d *v1alpha1.DatasetSpec) {
	setPointer(&d.Splits.Seed, 42)
	defaultExecution(&d.Execution)
}

func defaultExecution(e *v1alpha1.Execution) {
	setPointer(&e.Suspend, false)
	setPointer(&e.Parallelism, 2)
	if e.DeletionPolicy == "" {
		e.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	// The API server applies defaults below an object only where the object is present;
	// pods treat an absent cpu as 1.
	if e.Compute.Accelerator != nil && e.Compute.Accelerator.Count == 0 {
		e.Compute.Accelerator.Count = 1
	}
	if e.Compute.CPU == 0 {
		e.Compute.CPU = 1
	}
}

// defaultSchedule fills in the parameters of the schedule that is set.
func defaultSchedule(s *v1alpha1.Schedule) {
	if s.Step.Size != 0 {
		setText(&s.Step.Gamma, "0.1")
	}
	if len(s.MultiStep.Milestones) != 0 {
		setText(&s.MultiStep.Gamma, "0.1")
	}
	if c := s.Cosine; c != nil {
		setText(&c.Min, "0")
	}
	if c := s.OneCycle; c != nil {
		setText(&c.Rise, "0.3")
		setText(&c.Div, "25")
		setText(&c.FinalDiv, "1e4")
		setText(&c.HighMomentum, "0.95")
		setText(&c.LowMomentum, "0.85")
	}
	if p := s.ReduceOnPlateau; p != nil {
		setText(&p.Factor, "0.1")
		setText(&p.Threshold, "1e-4")
		setText(&p.Min, "0")
		setPointer(&p.Patience, 10)
		setPointer(&p.Cooldown, 0)
	}
}

// defaultLayer fills in the options of the member that is set.
func defaultLayer(l *v1alpha1.Layer) {
	if c := &l.Conv2D; *c != (v1alpha1.Conv2DLayer{}) {
		setNumber(&c.Stride, 1)
		setPointer(&c.Padding, 0)
		setNumber(&c.Groups, 1)
		setText(&c.Bias, v1alpha1.BiasLearned)
	}
	if c := &l.Linear; *c != (v1alpha1.LinearLayer{}) {
		setText(&c.Bias, v1alpha1.BiasLearned)
	}
	if c := l.LayerNorm; c != nil {
		setText(&c.Epsilon, "1e-5")
	}
	if c := l.Activation; c != nil {
		setText(&c.Function, v1alpha1.LayerActivationMember)
	}
	for _, c := range []*v1alpha1.PoolLayer{&l.MaxPool, &l.AvgPool} {
		if *c != (v1alpha1.PoolLayer{}) {
			setPointer(&c.Padding, 0)
		}
	}
	if c := &l.BasicBlock; *c != (v1alpha1.BasicBlockLayer{}) {
		setNumber(&c.Stride, 1)
	}
	if c := &l.Transformer; *c != (v1alpha1.TransformerLayer{}) {
		setText(&c.Norm, v1alpha1.NormFirst)
		setText(&c.Mask, v1alpha1.AttentionMaskNone)
		setText(&c.Activation, "gelu")
		setText(&c.Epsilon, "1e-5")
	}
}

func setText[T ~string](text *T, value T) {
	if *text == "" {
		*text = value
	}
}

func setNumber(n *int32, value int32) {
	if *n == 0 {
		*n = value
	}
}

func setList[T any](list *[]T, value T) {
	if len(*list) == 0 {
		*list = []T{value}
	}
}

func setPointer[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}
