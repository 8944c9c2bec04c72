// Package data reads image data sets and holds them in memory as bytes.
package data

import "github.com/weightspace/weightspace/runtime/spec"

// Split is a labelled set of images.
type Split struct {
	// Images is [N, C, H, W].
	Images []uint8
	// Labels is [N].
	Labels     []uint16
	N, C, H, W int
}

// Set is a data set with its normalisation: x = (pixel/255 - Mean[c]) / Std[c].
type Set struct {
	Train, Validation, Test Split
	Classes                 int
	Mean, Std               []float32
	// Normalization is Mean and Std as the user wrote them; the digest covers these texts.
	Normalization spec.Normalization
	// ResultDigest identifies the data ("sha256:...").
	ResultDigest string
}
