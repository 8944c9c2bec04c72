package train

import "errors"

func newVariationalRecorded(Config, Recipe, []float32, Variational) (VariationalEngine, error) {
	return nil, errors.New("train: variational dropout on recorded graphs is being built")
}
