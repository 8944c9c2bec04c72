package points

import (
	"strings"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// Layer is the weights and biases of one module in a row of weights: Size elements from Offset.
type Layer struct {
	// Name is the module's, such as "module_list.0".
	Name         string
	Offset, Size int
	// Params are the module's parameters, in the order of the row.
	Params []tensor.Param
}

// Layers groups the parameters of a row by module, in the order of the row, without running
// statistics.
func Layers(params []tensor.Param) []Layer {
	var layers []Layer
	for _, p := range Trained(params) {
		module := p.Name[:max(strings.LastIndexByte(p.Name, '.'), 0)]
		n := len(layers)
		if n == 0 || layers[n-1].Name != module || layers[n-1].Offset+layers[n-1].Size != p.Offset {
			layers = append(layers, Layer{Name: module, Offset: p.Offset})
			n++
		}
		l := &layers[n-1]
		l.Size += p.Size()
		l.Params = append(l.Params, p)
	}
	return layers
}

// Trained leaves out running statistics of normalisations, which are no weights.
func Trained(params []tensor.Param) []tensor.Param {
	var trained []tensor.Param
	for _, p := range params {
		if !Statistic(p.Name) {
			trained = append(trained, p)
		}
	}
	return trained
}

// Statistic says whether a name is that of a running statistic in PyTorch's spelling.
func Statistic(name string) bool {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "running_mean", "running_var", "num_batches_tracked":
		return true
	}
	return false
}
