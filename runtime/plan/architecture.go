package plan

import (
	"fmt"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// cnnSmallSide is the image side that cnn-small is made for; cnnSmallClasses its outputs.
const (
	cnnSmallSide    = 28
	cnnSmallClasses = 10
)

// architectureParameters returns the number of parameters of a preset for a data set:
// 2,464 for cnn-small on one channel, 2,864 on three (model-zoo card, section 2).
func architectureParameters(preset v1alpha1.ArchitecturePreset, d *spec.DatasetInput) (int, error) {
	if preset != v1alpha1.ArchitectureCNNSmall {
		return 0, &FieldError{"spec.architecture.preset", fmt.Sprintf("unknown preset %q", preset), "use cnn-small"}
	}
	if d.Height != cnnSmallSide || d.Width != cnnSmallSide {
		return 0, &FieldError{
			"spec.architecture.preset",
			fmt.Sprintf("cnn-small takes 28x28 images, data set %q has %dx%d", d.Name, d.Height, d.Width), "use a data set of 28x28 images",
		}
	}
	if d.Classes > cnnSmallClasses {
		return 0, &FieldError{
			"spec.architecture.preset",
			fmt.Sprintf("cnn-small has 10 outputs, data set %q has %d classes", d.Name, d.Classes), "use a data set of at most 10 classes",
		}
	}
	conv1 := 8*d.Channels*5*5 + 8
	conv2 := 6*8*5*5 + 6
	conv3 := 4*6*2*2 + 4
	fc1 := 20*36 + 20
	fc2 := 10*20 + 10
	return conv1 + conv2 + conv3 + fc1 + fc2, nil
}
