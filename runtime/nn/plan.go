package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// FromPlan builds the network of a planned zoo, with the head of one that continues another.
func FromPlan(z *spec.Zoo) (Sequential, error) {
	net, err := withoutHead(z)
	if err != nil || z.Initial == nil {
		return net, err
	}
	if net, err = WithHead(net, z.Initial.Head, z.Initial.Hidden); err != nil {
		return nil, fmt.Errorf("spec.initialWeights: %w", err)
	}
	return net, nil
}

// withoutHead is the network as the architecture describes it.
func withoutHead(z *spec.Zoo) (Sequential, error) {
	if z.Architecture == spec.ArchitectureLayers {
		return FromSpec(z.Layers)
	}
	layers, err := Preset(z.Architecture, z.Width, Input(z), z.Dataset.Classes)
	if err != nil {
		return nil, fmt.Errorf("spec.architecture: %w", err)
	}
	return layers, nil
}
