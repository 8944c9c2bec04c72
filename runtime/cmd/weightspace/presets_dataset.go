package main

import (
	"fmt"
	"strings"

	"github.com/weightspace/weightspace/runtime/preset"
)

// presetDataset names the data set that a preset asks for.
func presetDataset(p *preset.Preset) (string, error) {
	var b strings.Builder
	comment(&b, fmt.Sprintf("The recipe asks for the data set %s, as a Dataset of that name in the same namespace.", p.Dataset))
	return b.String(), nil
}
