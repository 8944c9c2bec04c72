package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// FromPlan builds the network of a planned zoo.
func FromPlan(z *spec.Zoo) (Sequential, error) {
	if z.Architecture == spec.ArchitectureLayers {
		return FromSpec(z.Layers)
	}
	d := &z.Dataset
	layers, err := Preset(z.Architecture, z.Width, Image{Channels: d.Channels, Height: d.Height, Width: d.Width}, d.Classes)
	if err != nil {
		return nil, fmt.Errorf("spec.architecture: %w", err)
	}
	return layers, nil
}
