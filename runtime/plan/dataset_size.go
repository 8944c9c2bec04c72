package plan

import "github.com/weightspace/weightspace/runtime/spec"

// nativeImages is what a format's official files hold: images over all sources, and the shape of one. Images that splits leave out
// are read all the same.
var nativeImages = map[string]struct {
	images, channels, edge int64
}{
	spec.FormatCIFAR10:  {60_000, 3, 32},
	spec.FormatCIFAR100: {60_000, 3, 32},
	spec.FormatSVHN:     {99_289, 3, 32},
	spec.FormatUSPS:     {9_298, 1, 16},
	spec.FormatSTL10:    {13_000, 3, 96},
	// What follows has any shape until it is read: that of Tiny-ImageNet is assumed.
	spec.FormatImageFolder: {0, 3, 64},
	spec.FormatParquet:     {0, 3, 64},
	spec.FormatNPZ:         {0, 3, 32},
}

// datasetSizes are the memory of the pods of a data set and the size of its artifact, in bytes: closed forms over the counts and what is
// known of the shape before the files are read.
func datasetSizes(d *spec.Dataset) (memory, disk int64) {
	native := nativeImages[d.Format]
	bytes := int64(assumedImageBytes) // idx
	if native.edge > 0 {
		bytes = native.channels * native.edge * native.edge
	}
	if t := d.Transform; t != nil {
		channels := max(native.channels, 1)
		if t.Grayscale {
			channels = 1
		}
		edge := max(native.edge, 32)
		if t.Resize > 0 {
			edge = int64(t.Resize)
		}
		if t.CenterCrop > 0 {
			edge = int64(t.CenterCrop)
		}
		bytes = channels * edge * edge
	}
	images := int64(d.Splits.Train) + int64(d.Splits.Validation) + int64(d.Splits.Test)
	return datasetMemory(max(images, native.images), bytes), images * bytes
}
