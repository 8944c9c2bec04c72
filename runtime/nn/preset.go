package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// Image is the shape of a data set's images.
type Image struct{ Channels, Height, Width int }

// The sides of images that the zoos' CNNs are made for, and their outputs.
const (
	cnnSmallSide  = 28
	cnnMediumSide = 32
	cnnOutputs    = 10
)

// Preset builds a network by its name in manifests for images and classes. width is that of resnet18 only, 0 for its default.
// The zoos' CNNs have 10 outputs for fewer classes too, as published.
func Preset(name string, width int, image Image, classes int) (Sequential, error) {
	switch name {
	case "cnn-small":
		return CNNSmall(cnnOutputs), fits(name, cnnSmallSide, image, classes)
	case "cnn-medium":
		return CNNMedium(cnnOutputs), fits(name, cnnMediumSide, image, classes)
	case "resnet18":
		if width == 0 {
			width = spec.DefaultWidth
		}
		return ResNet18(width, classes), nil
	case "vit-s", "vit-tiny":
		patch, err := patchOf(name, image)
		if err != nil {
			return nil, err
		}
		if name == "vit-s" {
			return ViT(ViTSmall(patch, classes)), nil
		}
		return ViT(ViTTiny(patch, classes)), nil
	}
	return nil, fmt.Errorf("unknown preset %q", name)
}

// fits says whether a zoo's CNN takes a data set.
func fits(name string, side int, image Image, classes int) error {
	if image.Height != side || image.Width != side {
		return fmt.Errorf("%s takes %dx%d images, the data set has %dx%d", name, side, side, image.Height, image.Width)
	}
	if classes > cnnOutputs {
		return fmt.Errorf("%s has %d outputs, the data set has %d classes", name, cnnOutputs, classes)
	}
	return nil
}

// patchOf is the side of a vision transformer's patches: 16 as published, 8 or 4 where images are small.
func patchOf(name string, image Image) (int, error) {
	patch := 16
	switch short := min(image.Height, image.Width); {
	case short < 64:
		patch = 4
	case short < 128:
		patch = 8
	}
	if image.Height%patch != 0 || image.Width%patch != 0 {
		return 0, fmt.Errorf("%s cuts images into patches of %dx%d, the data set has %dx%d", name, patch, patch, image.Height, image.Width)
	}
	return patch, nil
}
