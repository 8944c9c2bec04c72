package plan

import "github.com/weightspace/weightspace/api/v1alpha1"

// DefaultModelZoo fills in the defaults of the ModelZoo schema, for callers without an API
// server. A test compares it with the generated CRD.
func DefaultModelZoo(z *v1alpha1.ModelZooSpec) {
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
	if z.Training.Momentum == "" {
		z.Training.Momentum = "0.9"
	}
	if r := &z.Population.Seeds.Random; *r != (v1alpha1.RandomSeeds{}) {
		setPointer(&r.RootSeed, 7)
	}
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
