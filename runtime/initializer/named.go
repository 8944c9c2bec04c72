package initializer

import (
	"fmt"
	"slices"
)

// named are the laws with their usual parameters.
var named = map[string]Law{
	"uniform":          Uniform{0, 1},
	"normal":           Normal{0, 1},
	"xavier_uniform":   XavierUniform{Times(1)},
	"xavier_normal":    XavierNormal{Times(1)},
	"kaiming_uniform":  KaimingUniform{Gain: Gain{2}},
	"kaiming_normal":   KaimingNormal{Gain: Gain{2}},
	"layer":            LayerWeight(),
	"truncated_normal": TruncatedNormal{0, 0.02, -0.04, 0.04},
	"orthogonal":       Orthogonal{1},
	"identity":         Identity{},
	"zeros":            Zeros,
	"ones":             Ones,
}

// Names lists what Named knows, sorted.
func Names() []string {
	names := make([]string, 0, len(named))
	for n := range named {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Named is a law by name: uniform U(0, 1); normal N(0, 1); xavier_uniform and xavier_normal with
// gain 1; kaiming_uniform and kaiming_normal over the fan in with the gain of ReLU; layer, the
// weights of PyTorch's layers; truncated_normal of deviation 0.02 within two deviations;
// orthogonal with gain 1; identity; zeros; ones.
func Named(name string) (Law, error) {
	l, ok := named[name]
	if !ok {
		return nil, fmt.Errorf("unknown initializer %q: use one of %v", name, Names())
	}
	return l, nil
}
