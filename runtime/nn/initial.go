package nn

import (
	"strings"

	"github.com/weightspace/weightspace/runtime/initializer"
)

// biasInit is the value of every bias at the start, as in the zoos.
const biasInit = 0.01

// embeddingLaw is that of tables, tokens and positions: a normal of deviation 0.02 within two deviations.
var embeddingLaw = initializer.TruncatedNormal{Std: 0.02, Low: -0.04, High: 0.04}

// Init fills a member's row [nParams] by the roles of the parameters: weights by the named law, written as in manifests
// ("kaiming-uniform"). Element i of a parameter is draw i of the member's stream "init/<name>".
func Init[T initializer.Float](params []Param, row []T, seed uint64, law string) error {
	weights, err := initializer.Named(strings.ReplaceAll(law, "-", "_"))
	if err != nil {
		return err
	}
	for _, p := range params {
		if err := initializer.Fill(row[p.Offset:p.Offset+p.Size()], p.Shape, seed, p.Name, p.Role.law(weights)); err != nil {
			return err
		}
	}
	return nil
}

// law is the law of a parameter with the role.
func (r Role) law(weights initializer.Law) initializer.Law {
	switch r {
	case Bias:
		return initializer.Constant{Value: biasInit}
	case One:
		return initializer.Ones
	case Zero:
		return initializer.Zeros
	case Embedding:
		return embeddingLaw
	default:
		return weights
	}
}
