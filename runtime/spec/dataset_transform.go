package spec

// Formats of a Dataset's source files. What is in them, file by file, is in the package runtime/data.
const (
	// FormatIDX is MNIST's: trainImages, trainLabels, testImages, testLabels, plain or gzip.
	FormatIDX = "idx"
	// FormatCIFAR10 is CIFAR-10's binary version: train and test files (.bin, each perhaps several times),
	// or the archive cifar-10-binary.tar.gz.
	FormatCIFAR10 = "cifar10"
	// FormatCIFAR100 is CIFAR-100's binary version, as FormatCIFAR10; see FormatOptions.Labels.
	FormatCIFAR100 = "cifar100"
	// FormatSVHN is SVHN's cropped digits: train and test files of MATLAB version 5 (.mat).
	FormatSVHN = "svhn"
	// FormatUSPS is USPS in LIBSVM's text format: train and test, plain, bzip2 or gzip.
	FormatUSPS = "usps"
	// FormatSTL10 is STL-10's binary version: trainImages, trainLabels, testImages, testLabels, or the
	// archive stl10_binary.tar.gz. The unlabelled images are not read.
	FormatSTL10 = "stl10"
	// FormatImageFolder is a folder of PNG or JPEG files per class, as zip, tar or tar.gz: an archive with
	// folders train and test (or val), or archives in the roles train, test and perhaps validation.
	FormatImageFolder = "imageFolder"
	// FormatNPZ is one NumPy archive with the keys of Keras (x_train, y_train, x_test, y_test) or MedMNIST
	// (train_images, train_labels, val_images, ...).
	FormatNPZ = "npz"
	// FormatParquet is Hugging Face's: train, test and perhaps validation files, each perhaps several times,
	// with an image column {bytes, path} and a label column.
	FormatParquet = "parquet"
)

// Formats lists the formats in the order of the documentation.
var Formats = []string{
	FormatIDX, FormatCIFAR10, FormatCIFAR100, FormatSVHN, FormatUSPS, FormatSTL10, FormatImageFolder, FormatNPZ, FormatParquet,
}

// Roles of source files, as in the API.
const (
	RoleTrainImages = "trainImages"
	RoleTrainLabels = "trainLabels"
	RoleTestImages  = "testImages"
	RoleTestLabels  = "testLabels"
	// RoleTrain, RoleTest and RoleValidation are files that hold images with their labels. With a validation
	// file (or an archive that has validation images) the validation split is its first images, in order;
	// without, it is cut from the training images.
	RoleTrain      = "train"
	RoleTest       = "test"
	RoleValidation = "validation"
	// RoleArchive is one file that holds all splits.
	RoleArchive = "archive"
)

// RoleCount says how often a format takes a role.
type RoleCount struct {
	Role     string
	Min, Max int
}

// MaxFilesOfRole bounds the files that share a role.
const MaxFilesOfRole = 64

// FormatRoles gives the sets of roles a format takes; a Dataset's files have to fit one of them. Files of
// one role are read in the order in which the Dataset lists them. An unknown format has none.
func FormatRoles(format string) [][]RoleCount {
	split := []RoleCount{{RoleTrainImages, 1, 1}, {RoleTrainLabels, 1, 1}, {RoleTestImages, 1, 1}, {RoleTestLabels, 1, 1}}
	archive := []RoleCount{{RoleArchive, 1, 1}}
	several := func(most int, validation bool) []RoleCount {
		roles := []RoleCount{{RoleTrain, 1, most}, {RoleTest, 1, most}}
		if validation {
			roles = append(roles, RoleCount{RoleValidation, 0, most})
		}
		return roles
	}
	switch format {
	case FormatIDX:
		return [][]RoleCount{split}
	case FormatCIFAR10, FormatCIFAR100:
		return [][]RoleCount{several(MaxFilesOfRole, false), archive}
	case FormatSVHN, FormatUSPS:
		return [][]RoleCount{several(1, false)}
	case FormatSTL10:
		return [][]RoleCount{split, archive}
	case FormatImageFolder:
		return [][]RoleCount{archive, several(1, true)}
	case FormatNPZ:
		return [][]RoleCount{archive}
	case FormatParquet:
		return [][]RoleCount{several(MaxFilesOfRole, true)}
	}
	return nil
}

// Interpolations of Transform.Resize. All follow Pillow's (and so torchvision's on 8-bit images): when an
// image shrinks, the filter is widened by the factor, which is antialiasing; nearest takes the pixel below
// each centre.
const (
	ResizeBilinear = "bilinear"
	ResizeBicubic  = "bicubic"
	ResizeNearest  = "nearest"
)

// LargestEdge bounds Transform's sizes, in pixels.
const LargestEdge = 4096

// Transform changes every image while it is read, in the order of the fields. The zero value changes nothing.
type Transform struct {
	// Resize scales the image so that its shorter edge has this many pixels; the longer keeps the ratio,
	// rounded down. 0 keeps the size.
	Resize int `json:"resize,omitempty"`
	// Interpolation of Resize; "" is bilinear.
	Interpolation string `json:"interpolation,omitempty"`
	// CenterCrop keeps the square of so many pixels in the middle; where it cannot be in the middle it is
	// nearer the top and the left by half to even, as torchvision's. 0 keeps all.
	CenterCrop int `json:"centerCrop,omitempty"`
	// Grayscale turns three channels into one: (19595 R + 38470 G + 7471 B + 32768) >> 16, Pillow's L.
	// Images of one channel stay as they are.
	Grayscale bool `json:"grayscale,omitempty"`
}

// Which labels of CIFAR-100 are read.
const (
	LabelsFine   = "fine"
	LabelsCoarse = "coarse"
)

// FormatOptions are choices that only some formats know; a field set for another format is a mistake.
type FormatOptions struct {
	// Labels of cifar100: fine ("" too, 100 classes) or coarse (20 classes).
	Labels string `json:"labels,omitempty"`
	// ImageColumn of parquet, "" for image, or else img, whichever is there.
	ImageColumn string `json:"imageColumn,omitempty"`
	// LabelColumn of parquet, "" for label, or else fine_label, whichever is there.
	LabelColumn string `json:"labelColumn,omitempty"`
}
