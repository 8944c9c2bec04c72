package catalog

import "github.com/weightspace/weightspace/runtime/spec"

// The preparation follows the table of data sets of "Model Zoos: A Dataset of Diverse Populations of Neural Network
// Models" (arXiv 2209.14764) and its public code.
var entries = []Entry{
	{
		Name: "mnist", Title: "MNIST", Source: "http://yann.lecun.com/exdb/mnist",
		Format: spec.FormatIDX, Files: idxFiles(
			"440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
			"8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
		),
		Splits: splits(50000, 10000, 10000), Normalization: one("0.1307", "0.3081"), Channels: 1, Height: 28, Width: 28, Classes: 10,
	},
	{
		Name: "fashion-mnist", Title: "Fashion-MNIST", Source: "https://github.com/zalandoresearch/fashion-mnist",
		Format: spec.FormatIDX, Files: idxFiles("", "", "", ""),
		Splits: splits(50000, 10000, 10000), Normalization: one("0.5", "0.5"), Channels: 1, Height: 28, Width: 28, Classes: 10,
		Notes: "The files have the names of MNIST's.",
	},
	{
		Name: "svhn", Title: "Street View House Numbers, cropped digits, in gray", Source: "http://ufldl.stanford.edu/housenumbers",
		Format: spec.FormatSVHN, Files: []File{{Role: spec.RoleTrain, Name: "train_32x32.mat"}, {Role: spec.RoleTest, Name: "test_32x32.mat"}},
		Transform: &spec.Transform{CenterCrop: 28, Grayscale: true},
		Splits:    splits(60000, 13257, 26032), Normalization: one("0.5", "0.5"), Channels: 1, Height: 28, Width: 28, Classes: 10,
		Notes: "The normalisation is the seed zoo's; the scripts of the hyper-parameter zoos list 0.1307 and 0.3081. The file extra_32x32.mat is not used.",
	},
	{
		Name: "usps", Title: "USPS handwritten digits", Source: "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
		Format: spec.FormatUSPS, Files: []File{{Role: spec.RoleTrain, Name: "usps.bz2"}, {Role: spec.RoleTest, Name: "usps.t.bz2"}},
		Transform: &spec.Transform{Resize: 28},
		Splits:    splits(6000, 1291, 2007), Normalization: one("0.1307", "0.3081"), Channels: 1, Height: 28, Width: 28, Classes: 10,
	},
	cifar10("cifar10-small", "CIFAR-10, resized to 28x28", 28, splits(42000, 8000, 10000), one("0.5", "0.5")),
	cifar10("cifar10", "CIFAR-10", 32, splits(42000, 8000, 10000), one("0.5", "0.5")),
	stl10("stl10-small", "STL-10, labelled images, resized to 28x28", 28),
	stl10("stl10", "STL-10, labelled images, resized to 32x32", 32),
	cifar10("cifar10-resnet", "CIFAR-10 as the ResNet-18 zoo has it", 32, splits(40000, 10000, 10000), spec.Normalization{
		// (125.3, 123.0, 113.9) / 255 and (63.0, 62.1, 66.7) / 255, rounded to nine digits.
		Mean: []string{"0.491372549", "0.482352941", "0.446666667"}, Std: []string{"0.247058824", "0.243529412", "0.261568627"},
	}),
	{
		Name: "cifar100-resnet", Title: "CIFAR-100, fine labels, as the ResNet-18 zoo has it", Source: cifarSource,
		Format: spec.FormatCIFAR100, Files: []File{{Role: spec.RoleTrain, Name: "train.bin"}, {Role: spec.RoleTest, Name: "test.bin"}}, Archive: "cifar-100-binary.tar.gz",
		Splits:        splits(40000, 10000, 10000),
		Normalization: spec.Normalization{Mean: []string{"0.5071", "0.4867", "0.4408"}, Std: []string{"0.2675", "0.2565", "0.2761"}},
		Channels:      3, Height: 32, Width: 32, Classes: 100,
	},
	{
		Name: "tiny-imagenet", Title: "Tiny-ImageNet, its validation images as the test split", Source: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
		Format: spec.FormatImageFolder, Files: []File{{Role: spec.RoleArchive, Name: "tiny-imagenet-200.zip"}},
		Splits:        splits(100000, 0, 10000),
		Normalization: spec.Normalization{Mean: []string{"0.485", "0.456", "0.406"}, Std: []string{"0.229", "0.224", "0.225"}},
		Channels:      3, Height: 64, Width: 64, Classes: 200,
		Notes: "Classes are numbered in the order of wnids.txt. Without a validation split: the official test images have no labels.",
	},
}

const cifarSource = "https://www.cs.toronto.edu/~kriz/cifar.html"

// idxFiles are MNIST's four files with their sums.
func idxFiles(trainImages, trainLabels, testImages, testLabels string) []File {
	return []File{
		{spec.RoleTrainImages, "train-images-idx3-ubyte.gz", trainImages},
		{spec.RoleTrainLabels, "train-labels-idx1-ubyte.gz", trainLabels},
		{spec.RoleTestImages, "t10k-images-idx3-ubyte.gz", testImages},
		{spec.RoleTestLabels, "t10k-labels-idx1-ubyte.gz", testLabels},
	}
}

func cifar10(name, title string, size int, s spec.Splits, n spec.Normalization) Entry {
	e := Entry{
		Name: name, Title: title, Source: cifarSource, Format: spec.FormatCIFAR10, Archive: "cifar-10-binary.tar.gz",
		Files: []File{
			{Role: spec.RoleTrain, Name: "data_batch_1.bin"},
			{Role: spec.RoleTrain, Name: "data_batch_2.bin"},
			{Role: spec.RoleTrain, Name: "data_batch_3.bin"},
			{Role: spec.RoleTrain, Name: "data_batch_4.bin"},
			{Role: spec.RoleTrain, Name: "data_batch_5.bin"},
			{Role: spec.RoleTest, Name: "test_batch.bin"},
		},
		Splits: s, Normalization: n, Channels: 3, Height: size, Width: size, Classes: 10,
	}
	if size != 32 {
		e.Transform = &spec.Transform{Resize: size}
	}
	return e
}

func stl10(name, title string, size int) Entry {
	return Entry{
		Name: name, Title: title, Source: "https://cs.stanford.edu/~acoates/stl10", Format: spec.FormatSTL10, Archive: "stl10_binary.tar.gz",
		Files: []File{
			{Role: spec.RoleTrainImages, Name: "train_X.bin"},
			{Role: spec.RoleTrainLabels, Name: "train_y.bin"},
			{Role: spec.RoleTestImages, Name: "test_X.bin"},
			{Role: spec.RoleTestLabels, Name: "test_y.bin"},
		},
		Transform: &spec.Transform{Resize: size},
		Splits:    splits(4200, 800, 8000), Normalization: one("0.5", "0.5"), Channels: 3, Height: size, Width: size, Classes: 10,
	}
}

func splits(train, validation, test int) spec.Splits {
	return spec.Splits{Train: train, Validation: validation, Test: test, Seed: 42}
}

// one value serves all channels.
func one(mean, std string) spec.Normalization {
	return spec.Normalization{Mean: []string{mean}, Std: []string{std}}
}
