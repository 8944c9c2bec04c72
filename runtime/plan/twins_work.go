package plan

import "github.com/weightspace/weightspace/runtime/spec"

// variationalCost is a training step of variational dropout in steps of its parent: means and variances are convolved.
const variationalCost = 2.2

// TwinWork is the floating-point operations of a stage of twins: training, and evaluations of all splits after every epoch, of the test
// split twice.
func TwinWork(z *spec.Zoo, stage string) (flops float64, err error) {
	step, forward, err := Work(z)
	if err != nil {
		return 0, err
	}
	d := &z.Dataset
	for i := range z.Twins {
		t := &z.Twins[i]
		if TwinStage(t) != stage {
			continue
		}
		own := step
		if t.Variational != nil {
			own *= variationalCost
		}
		each := float64(t.Epochs)*float64(d.Train)*own + (float64(t.Epochs+1)*float64(d.Train+d.Validation+2*d.Test)+float64(d.Test))*forward
		flops += float64(Total(z)*t.States()) * each
	}
	return flops, nil
}
