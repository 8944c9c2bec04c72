package plan

import (
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/spec"
)

// PerModel is what one model of a planned zoo costs, in bytes: its share of the artifact, and what it adds to a pod that trains it.
func PerModel(s *spec.Snapshot) (disk, memory int64, err error) {
	net, err := nn.FromPlan(s.Zoo)
	if err != nil {
		return 0, 0, err
	}
	one, _ := trainMemory(s.Zoo, net, 1)
	two, _ := trainMemory(s.Zoo, net, 2)
	return s.DiskBytes / int64(max(1, Total(s.Zoo))), two - one, nil
}

// RowBytes is the size of a model's row of weights at one epoch: its parameters, then running statistics.
func RowBytes(z *spec.Zoo) (int64, error) {
	net, err := nn.FromPlan(z)
	if err != nil {
		return 0, err
	}
	_, states := recordedMemory(z, net)
	return int64(z.Parameters)*floatBytes + states, nil
}
