package program

import (
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// newEngine sets the training of members of one cohort up: the zoos' small networks with their published recipes run on
// tiles, everything else is recorded as a graph, its weights drawn or those that members continue. The choice depends on the plan alone.
func newEngine(z *spec.Zoo, c spec.Cohort, members []spec.Member, initial []train.Initial, set *data.Set, env *Env) (train.Engine, error) {
	conf := trainConfig(z, c, members, set, env)
	if plan.OnTiles(z, c) {
		return train.New(conf)
	}
	r, err := recipeOf(z, set)
	if err != nil {
		return nil, err
	}
	r.Initial = initial
	return train.NewRecorded(conf, r)
}

// recipeOf translates the network and the recipe of a plan.
func recipeOf(z *spec.Zoo, set *data.Set) (train.Recipe, error) {
	layers, err := nn.FromPlan(z)
	if err != nil {
		return train.Recipe{}, err
	}
	r := train.Recipe{
		Layers: layers, ClipNorm: number(z.ClipNorm), ClipValue: number(z.ClipValue), LabelSmoothing: number(z.LabelSmoothing), Nesterov: z.Nesterov,
		Temperature: number(z.Temperature),
	}
	steps := (set.Train.N + z.BatchSize - 1) / z.BatchSize
	r.Schedule, r.Plateau = scheduleOf(z.Schedule, z.Epochs, steps)
	if r.Schedule != nil {
		if err := r.Schedule.Validate(); err != nil {
			return train.Recipe{}, fmt.Errorf("spec.training.schedule: %w", err)
		}
	}
	return r, nil
}

// scheduleOf translates a schedule; steps are those of an epoch. Its time is in steps.
func scheduleOf(s *spec.Schedule, epochs, steps int) (optim.Schedule, *optim.PlateauConfig) {
	if s == nil {
		return nil, nil
	}
	warm := s.WarmupEpochs * steps
	var then optim.Schedule = optim.Constant{}
	switch s.Type {
	case spec.ScheduleStep:
		then = byEpoch{optim.StepDecay{Size: s.Size, Gamma: number(s.Gamma)}, steps}
	case spec.ScheduleMultiStep:
		then = byEpoch{optim.MultiStepDecay{Milestones: s.Milestones, Gamma: number(s.Gamma)}, steps}
	case spec.ScheduleExponential:
		then = byEpoch{optim.ExponentialDecay{Gamma: number(s.Gamma)}, steps}
	case spec.ScheduleCosine:
		then = optim.CosineDecay{Total: epochs*steps - warm, Min: number(s.Min)}
	case spec.ScheduleOneCycle:
		return optim.OneCycle{
			Total: epochs * steps, Rise: number(s.Rise), Div: number(s.Div), FinalDiv: number(s.FinalDiv),
			Low: number(s.LowMomentum), High: number(s.HighMomentum),
		}, nil
	case spec.ScheduleReduceOnPlateau:
		p := optim.DefaultPlateau()
		p.Factor, p.Patience, p.Threshold, p.Cooldown, p.Min = number(s.Factor), s.Patience, number(s.Threshold), s.Cooldown, number(s.Min)
		return nil, &p
	}
	if warm > 0 {
		return optim.WarmUp{Steps: warm, Then: then}, nil
	}
	return then, nil
}

// byEpoch is a schedule of epochs on the time of steps.
type byEpoch struct {
	optim.Schedule
	steps int
}

// Rate implements optim.Schedule.
func (s byEpoch) Rate(base float64, t int) float64 { return s.Schedule.Rate(base, t/s.steps) }

// number reads a decimal of a plan, which was checked when the plan was read; "" is 0.
func number(text string) float64 {
	v, _ := strconv.ParseFloat(text, 64)
	return v
}
