//go:build !amd64 || purego

package update

func (k *Kernels) sgd(w, m, g []float32, s sgdScalars[float32]) { sgdRow(w, m, g, s) }

func (k *Kernels) adam(w, m, v, g []float32, s adamScalars[float32]) { adamRow(w, m, v, g, s) }

func (k *Kernels) squares(s *[lanes]float64, x []float32) { squareLanes(s, x) }

func (k *Kernels) magnitudes(s *[lanes]uint32, x []float32) { magnitudeLanes(s, x) }
