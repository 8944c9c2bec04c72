// Package data reads image data sets and holds them in memory as bytes.
package data

// Split is a labelled set of images.
type Split struct {
	// Images is [N, C, H, W].
	Images []uint8
	// Labels is [N].
	Labels     []uint8
	N, C, H, W int
}

// Set is a data set with its normalisation: x = (pixel/255 - Mean[c]) / Std[c].
type Set struct {
	Train, Validation, Test Split
	Classes                 int
	Mean, Std               []float32
	// ResultDigest identifies the data ("sha256:...").
	ResultDigest string
}
