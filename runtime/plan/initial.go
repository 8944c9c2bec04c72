package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Bounds of zoos that continue others: the list of their models is part of the plan, which has to fit a ConfigMap.
const (
	maxParents    = 10_000
	maxHidden     = 65_536
	defaultHidden = 384
	epochLast     = "last"
)

func defaultInitial(w *v1alpha1.InitialWeights) {
	if w.Zoo.Name == "" {
		return
	}
	setText(&w.Epoch, epochLast)
	setText(&w.Head, v1alpha1.HeadLinear)
	if w.Head == v1alpha1.HeadMLP {
		setNumber(&w.Hidden, defaultHidden)
	}
}

// initialScience is what a ModelZoo's digest covers of the weights that it continues.
type initialScience struct {
	Zoo    string `json:"zoo"`
	Epoch  string `json:"epoch"`
	Head   string `json:"head"`
	Hidden int32  `json:"hidden,omitempty"`
}

func scienceOf(w *v1alpha1.InitialWeights) *initialScience {
	if w.Zoo.Name == "" {
		return nil
	}
	return &initialScience{string(w.Zoo.Name), w.Epoch, string(w.Head), w.Hidden}
}

// resolveInitial finds the models to continue; nil for a zoo that starts from nothing.
func resolveInitial(w *v1alpha1.InitialWeights, in Inputs) (*spec.InitialWeights, error) {
	const at = "spec.initialWeights"
	if *w == (v1alpha1.InitialWeights{}) {
		return nil, nil
	}
	switch {
	case w.Zoo.Name == "":
		return nil, &FieldError{at + ".zoo.name", "it is empty", "name the ModelZoo whose models are continued"}
	case in.Zoo == nil || in.ZooPlan == nil:
		return nil, fmt.Errorf("plan ModelZoo %s/%s: ModelZoo %q of %s is not given", in.Namespace, in.Name, w.Zoo.Name, at)
	case in.ZooPlan.Import != nil:
		return nil, &FieldError{at + ".zoo", fmt.Sprintf("ModelZoo %q is imported: its plan does not know its models", w.Zoo.Name), "continue a zoo that was trained here"}
	case w.Head == v1alpha1.HeadLinear && w.Hidden != 0:
		return nil, &FieldError{at + ".hidden", fmt.Sprintf("%d, but only head mlp has hidden features", w.Hidden), "remove it"}
	case w.Head == v1alpha1.HeadMLP && (w.Hidden < 1 || w.Hidden > maxHidden):
		return nil, &FieldError{at + ".hidden", fmt.Sprintf("%d features", w.Hidden), fmt.Sprintf("use 1 to %d", maxHidden)}
	}
	epoch := in.ZooPlan.Epochs
	if w.Epoch != epochLast {
		n, err := strconv.Atoi(w.Epoch)
		if err != nil || n < 0 || n > epoch {
			return nil, &FieldError{at + ".epoch", fmt.Sprintf("%q; ModelZoo %q has epochs 0 to %d", w.Epoch, w.Zoo.Name, epoch), "use one of them, or last"}
		}
		epoch = n
	}
	out := &spec.InitialWeights{Zoo: *in.Zoo, Epoch: epoch, Head: string(w.Head), Hidden: int(w.Hidden)}
	for c := range in.ZooPlan.Cohorts {
		for _, m := range Members(in.ZooPlan, c, 0, CohortSize(in.ZooPlan, c)) {
			out.Models = append(out.Models, m.ID)
		}
	}
	if n := len(out.Models); n < 1 || n > maxParents {
		return nil, &FieldError{at + ".zoo", fmt.Sprintf("ModelZoo %q has %d models", w.Zoo.Name, n), fmt.Sprintf("continue a zoo of 1 to %d models", maxParents)}
	}
	return out, nil
}

// withHead replaces the network's last layer, for a zoo that continues another.
func (n *network) withHead(w *v1alpha1.InitialWeights) error {
	if w.Zoo.Name == "" {
		return nil
	}
	if err := word("spec.initialWeights.head", w.Head, []v1alpha1.InitialHead{v1alpha1.HeadLinear, v1alpha1.HeadMLP}); err != nil {
		return err
	}
	net, err := nn.WithHead(n.net, string(w.Head), int(w.Hidden))
	if err != nil {
		return &FieldError{"spec.initialWeights", err.Error(), "use an architecture that ends in a linear layer"}
	}
	n.net = net
	return nil
}

// checkParent makes sure that everything but the head of a zoo's network is there in its parent's.
func checkParent(z *spec.Zoo, net nn.Sequential, parent *spec.Zoo) error {
	const at = "spec.initialWeights.zoo"
	if z.Initial == nil {
		return nil
	}
	head := net[len(net)-1].Name
	theirNet, err := nn.FromPlan(parent)
	if err != nil {
		return fmt.Errorf("ModelZoo %q: %w", z.Initial.Zoo.Name, err)
	}
	ours, err := layoutOf(net, nn.Input(z))
	if err != nil {
		return err
	}
	theirs, err := layoutOf(theirNet, nn.Input(parent))
	if err != nil {
		return fmt.Errorf("ModelZoo %q: %w", z.Initial.Zoo.Name, err)
	}
	have := map[string]tensor.Shape{}
	for _, p := range theirs {
		have[p.Name] = p.Shape
	}
	for _, p := range ours {
		shape, ok := have[p.Name]
		switch {
		case nn.InHead(p.Name, head):
		case !ok:
			return &FieldError{at, fmt.Sprintf("ModelZoo %q has no tensor %s, which this network has", z.Initial.Zoo.Name, p.Name), "use the architecture of that zoo"}
		case !shape.Equal(p.Shape):
			return &FieldError{at, fmt.Sprintf("ModelZoo %q has %s of shape %s, this network of shape %s", z.Initial.Zoo.Name, p.Name, shape, tensor.Shape(p.Shape)), "use the architecture and the image size of that zoo"}
		}
	}
	return checkParentActivation(z, net, parent)
}

// checkParentActivation refuses to continue models with another non-linearity than they were trained with.
func checkParentActivation(z *spec.Zoo, net nn.Sequential, parent *spec.Zoo) error {
	if activation, _ := uses(net); !activation {
		return nil
	}
	for _, c := range z.Cohorts {
		if slices.ContainsFunc(parent.Cohorts, func(p spec.Cohort) bool { return p.Activation != c.Activation }) {
			return &FieldError{"spec.population.grid.activation", fmt.Sprintf("%q, but ModelZoo %q trained models with another", c.Activation, z.Initial.Zoo.Name), "use the one activation of that zoo"}
		}
	}
	return nil
}

// layoutOf records a network and lists its parameters and running statistics.
func layoutOf(net nn.Sequential, image nn.Image) ([]tensor.Param, error) {
	g := op.NewGraph(true)
	x := g.Input("images", image.Channels, image.Height, image.Width, 2)
	if _, err := nn.Record(nn.NewContext(g, device.Tanh), net, nn.Tensor{Value: x, Layout: nn.Images}); err != nil {
		return nil, err
	}
	p, err := g.Compile()
	if err != nil {
		return nil, err
	}
	return append(append([]tensor.Param(nil), p.Params...), p.States...), nil
}

// points is the grid points of a cohort with the models that they continue.
func points(z *spec.Zoo) int {
	if z.Initial != nil {
		return len(z.Cells) * len(z.Initial.Models)
	}
	return len(z.Cells)
}

// pointOf is the cell of a point and the model it continues, "" for none.
func pointOf(z *spec.Zoo, point int) (cell int, parent string) {
	if z.Initial == nil {
		return point, ""
	}
	return point % len(z.Cells), z.Initial.Models[point/len(z.Cells)]
}
