package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// setTraining translates the recipe, its defaults filled in. It checks nothing, so that a digest can be made of any spec.
func setTraining(z *spec.Zoo, t *v1alpha1.Training) {
	z.Epochs, z.BatchSize, z.Momentum = int(t.Epochs), int(t.BatchSize), decimal(t.Momentum)
	z.Nesterov = t.MomentumForm == v1alpha1.MomentumNesterov
	z.Schedule = specSchedule(&t.Schedule)
	z.ClipNorm, z.ClipValue = decimal(t.GradientClipping.Norm), decimal(t.GradientClipping.Value)
	if z.LabelSmoothing = decimal(t.LabelSmoothing); z.LabelSmoothing == "0" {
		z.LabelSmoothing = ""
	}
	z.Augmentation = specAugmentation(&t.Augmentation)
	if t.Objective == v1alpha1.ObjectiveContrastive {
		z.Objective, z.Temperature = spec.ObjectiveContrastive, decimal(t.Temperature)
	}
}

// decimal is the canonical text of a number; "" stays.
func decimal(d v1alpha1.Decimal) string {
	if d == "" {
		return ""
	}
	return canonicalDecimal(string(d))
}

// specSchedule is nil for a rate that does not move.
func specSchedule(s *v1alpha1.Schedule) *spec.Schedule {
	out := &spec.Schedule{Type: spec.ScheduleConstant, WarmupEpochs: int(s.WarmupEpochs)}
	switch {
	case s.Step != v1alpha1.StepSchedule{}:
		out.Type, out.Size, out.Gamma = spec.ScheduleStep, int(s.Step.Size), decimal(s.Step.Gamma)
	case len(s.MultiStep.Milestones) != 0:
		out.Type, out.Gamma = spec.ScheduleMultiStep, decimal(s.MultiStep.Gamma)
		for _, m := range s.MultiStep.Milestones {
			out.Milestones = append(out.Milestones, int(m))
		}
	case s.Exponential.Gamma != "":
		out.Type, out.Gamma = spec.ScheduleExponential, decimal(s.Exponential.Gamma)
	case s.Cosine != nil:
		out.Type, out.Min = spec.ScheduleCosine, decimal(s.Cosine.Min)
	case s.OneCycle != nil:
		c := s.OneCycle
		out.Type, out.Rise, out.Div, out.FinalDiv = spec.ScheduleOneCycle, decimal(c.Rise), decimal(c.Div), decimal(c.FinalDiv)
		out.HighMomentum, out.LowMomentum = decimal(c.HighMomentum), decimal(c.LowMomentum)
	case s.ReduceOnPlateau != nil:
		p := s.ReduceOnPlateau
		out.Type, out.Factor, out.Threshold, out.Min = spec.ScheduleReduceOnPlateau, decimal(p.Factor), decimal(p.Threshold), decimal(p.Min)
		out.Patience, out.Cooldown = orZero(p.Patience), orZero(p.Cooldown)
	case s.WarmupEpochs == 0:
		return nil
	}
	return out
}

// needsEpochs says that a schedule's rates depend on the length of the training, so that a longer one trains other models.
func needsEpochs(s *spec.Schedule) bool {
	return s != nil && (s.Type == spec.ScheduleCosine || s.Type == spec.ScheduleOneCycle)
}

// checkTraining checks the recipe, its defaults filled in.
func checkTraining(t *v1alpha1.Training, g *v1alpha1.Grid) error {
	const at = "spec.training."
	if t.Epochs < 1 {
		return &FieldError{at + "epochs", fmt.Sprintf("%d epochs", t.Epochs), "use 1 or more"}
	}
	if t.BatchSize < 1 {
		return &FieldError{at + "batchSize", fmt.Sprintf("%d samples", t.BatchSize), "use 1 or more"}
	}
	if err := checkDecimal(at+"momentum", t.Momentum, probability); err != nil {
		return err
	}
	if err := word(at+"momentumForm", t.MomentumForm, []v1alpha1.MomentumForm{v1alpha1.MomentumClassical, v1alpha1.MomentumNesterov}); err != nil {
		return err
	}
	if t.MomentumForm == v1alpha1.MomentumNesterov {
		if !slices.Contains(g.Optimizer, v1alpha1.OptimizerSGD) {
			return &FieldError{at + "momentumForm", "nesterov is a form of sgd's momentum, and no member is trained by sgd", "remove it or use sgd"}
		}
		if mustFloat(string(t.Momentum)) == 0 {
			return &FieldError{at + "momentumForm", "nesterov without momentum", "give spec.training.momentum a value above 0"}
		}
	}
	if err := checkDecimal(at+"labelSmoothing", t.LabelSmoothing, probability); err != nil {
		return err
	}
	if err := checkClipping(&t.GradientClipping); err != nil {
		return err
	}
	return checkSchedule(&t.Schedule, t.Epochs)
}

func checkClipping(c *v1alpha1.GradientClipping) error {
	const at = "spec.training.gradientClipping"
	switch {
	case c.Norm != "" && c.Value != "":
		return &FieldError{at, "norm and value are set", "set one of them"}
	case c.Norm != "":
		return checkDecimal(at+".norm", c.Norm, positive)
	case c.Value != "":
		return checkDecimal(at+".value", c.Value, positive)
	}
	return nil
}

func checkSchedule(s *v1alpha1.Schedule, epochs int32) error {
	const at = "spec.training.schedule"
	set := 0
	for _, on := range []bool{
		s.Step != v1alpha1.StepSchedule{}, len(s.MultiStep.Milestones) != 0 || s.MultiStep.Gamma != "", s.Exponential.Gamma != "",
		s.Cosine != nil, s.OneCycle != nil, s.ReduceOnPlateau != nil,
	} {
		if on {
			set++
		}
	}
	switch {
	case set > 1:
		return &FieldError{at, fmt.Sprintf("%d schedules are set", set), "set at most one of step, multiStep, exponential, cosine, oneCycle and reduceOnPlateau"}
	case s.WarmupEpochs < 0:
		return &FieldError{at + ".warmupEpochs", fmt.Sprintf("%d epochs", s.WarmupEpochs), "use 1 or more"}
	case s.WarmupEpochs > 0 && (s.OneCycle != nil || s.ReduceOnPlateau != nil):
		return &FieldError{at + ".warmupEpochs", "oneCycle has a warm-up of its own, and reduceOnPlateau none", "remove it"}
	case s.Cosine != nil && s.WarmupEpochs >= epochs:
		return &FieldError{at + ".warmupEpochs", fmt.Sprintf("%d of %d epochs: nothing is left for the cosine", s.WarmupEpochs, epochs), "use fewer"}
	}
	if err := checkSteps(at, s); err != nil {
		return err
	}
	return checkScheduleDecimals(at, s)
}

func checkSteps(at string, s *v1alpha1.Schedule) error {
	if s.Step != (v1alpha1.StepSchedule{}) && s.Step.Size < 1 {
		return &FieldError{at + ".step.size", fmt.Sprintf("%d epochs", s.Step.Size), "use 1 or more"}
	}
	if s.MultiStep.Gamma != "" && len(s.MultiStep.Milestones) == 0 {
		return &FieldError{at + ".multiStep.milestones", "there are none", "give rising numbers of epochs"}
	}
	for i, m := range s.MultiStep.Milestones {
		if m < 1 || i > 0 && m <= s.MultiStep.Milestones[i-1] {
			return &FieldError{at + ".multiStep.milestones[" + strconv.Itoa(i) + "]", fmt.Sprintf("%d does not rise", m), "give rising numbers of epochs, from 1"}
		}
	}
	if p := s.ReduceOnPlateau; p != nil && (*p.Patience < 0 || *p.Cooldown < 0) {
		return &FieldError{at + ".reduceOnPlateau", fmt.Sprintf("patience %d, cooldown %d", *p.Patience, *p.Cooldown), "use 0 or more"}
	}
	return nil
}

func checkScheduleDecimals(at string, s *v1alpha1.Schedule) error {
	type number struct {
		field string
		value v1alpha1.Decimal
		bound bound
	}
	var all []number
	if s.Step.Gamma != "" {
		all = append(all, number{"step.gamma", s.Step.Gamma, nonNegative})
	}
	if s.MultiStep.Gamma != "" {
		all = append(all, number{"multiStep.gamma", s.MultiStep.Gamma, nonNegative})
	}
	if s.Exponential.Gamma != "" {
		all = append(all, number{"exponential.gamma", s.Exponential.Gamma, nonNegative})
	}
	if c := s.Cosine; c != nil {
		all = append(all, number{"cosine.min", c.Min, nonNegative})
	}
	if c := s.OneCycle; c != nil {
		all = append(all, number{"oneCycle.rise", c.Rise, probability}, number{"oneCycle.div", c.Div, positive}, number{"oneCycle.finalDiv", c.FinalDiv, positive},
			number{"oneCycle.highMomentum", c.HighMomentum, probability}, number{"oneCycle.lowMomentum", c.LowMomentum, probability})
	}
	if p := s.ReduceOnPlateau; p != nil {
		all = append(all, number{"reduceOnPlateau.factor", p.Factor, probability}, number{"reduceOnPlateau.threshold", p.Threshold, nonNegative}, number{"reduceOnPlateau.min", p.Min, nonNegative})
	}
	for _, n := range all {
		if err := checkDecimal(at+"."+n.field, n.value, n.bound); err != nil {
			return err
		}
	}
	if c := s.OneCycle; c != nil && mustFloat(string(c.LowMomentum)) > mustFloat(string(c.HighMomentum)) {
		return &FieldError{at + ".oneCycle.lowMomentum", fmt.Sprintf("%q is above highMomentum %q", c.LowMomentum, c.HighMomentum), "use a lower value"}
	}
	return nil
}
