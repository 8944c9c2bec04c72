package plan

import "github.com/weightspace/weightspace/runtime/spec"

// nativeImages is what a format's official files hold: images over all sources, the shape of one, and classes. Images that splits leave
// out are read all the same.
var nativeImages = map[string]struct {
	images, channels, edge, classes int
}{
	spec.FormatIDX:      {0, 1, 28, 10},
	spec.FormatCIFAR10:  {60_000, 3, 32, 10},
	spec.FormatCIFAR100: {60_000, 3, 32, 100},
	spec.FormatSVHN:     {99_289, 3, 32, 10},
	spec.FormatUSPS:     {9_298, 1, 16, 10},
	spec.FormatSTL10:    {13_000, 3, 96, 10},
	// What follows has any shape until it is read: that of Tiny-ImageNet is assumed, and of the small pictures of npz files.
	spec.FormatImageFolder: {0, 3, 64, 200},
	spec.FormatParquet:     {0, 3, 64, 200},
	spec.FormatNPZ:         {0, 3, 32, 10},
}

// coarseClasses are CIFAR-100's classes above its classes.
const coarseClasses = 20

// DatasetShape is the shape of an image and the number of classes that a data set will have, as far as that is known before its files are
// read: exact for official files of formats with one shape, a guess for image folders, npz and Parquet.
func DatasetShape(d *spec.Dataset) (channels, height, width, classes int) {
	native := nativeImages[d.Format]
	channels, height, classes = native.channels, native.edge, native.classes
	if t := d.Transform; t != nil {
		if t.Resize > 0 {
			height = t.Resize
		}
		if t.CenterCrop > 0 {
			height = t.CenterCrop
		}
		if t.Grayscale {
			channels = 1
		}
	}
	if d.Options != nil && d.Options.Labels == spec.LabelsCoarse {
		classes = coarseClasses
	}
	return channels, height, height, classes
}

// datasetSizes are the memory of the pods of a data set and the size of its artifact, in bytes: closed forms over the counts and what is
// known of the shape before the files are read.
func datasetSizes(d *spec.Dataset) (memory, disk int64) {
	channels, height, width, _ := DatasetShape(d)
	bytes := int64(channels * height * width)
	if d.Format == spec.FormatIDX {
		bytes = max(bytes, assumedImageBytes) // the files may be of any size
	}
	images := int64(d.Splits.Train) + int64(d.Splits.Validation) + int64(d.Splits.Test)
	return datasetMemory(max(images, int64(nativeImages[d.Format].images)), bytes), images * bytes
}
