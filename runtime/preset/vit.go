package preset

import "github.com/weightspace/weightspace/api/v1alpha1"

// imageNet is the normalisation of ImageNet, as flags of `weightspace dataset import`.
const imageNet = "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"

// vitPresets are the two stages of the vision-transformer zoo (card section 7): pre-training, supervised or contrastive, and fine-tuning from
// each model that a pre-training zoo left.
func vitPresets() []Preset {
	const (
		vision   = "The data set keeps images of 256x256; windows of 224x224 are cut from these, not from the originals."
		intended = "The public code passes its augmentation in the wrong order (label smoothing 0.8, mixup alpha 1, no cutmix); this is the configured intent."
	)
	architecture := v1alpha1.Architecture{Preset: v1alpha1.ArchitectureViTSmall}
	imagenet := "--format imageFolder --resize 256 --interpolation bicubic --center-crop 256 " + imageNet
	supervised := Preset{
		Name: "vit-supervised", About: "ViT-S on ImageNet-1k: supervised pre-training", Dataset: "imagenet", Import: imagenet,
		Notes: []string{
			vision, intended,
			"Seven models are published; of their seeds 42 and 6312 could be verified, the others are ours.",
		},
		Architecture: architecture,
		Population:   v1alpha1.Population{Seeds: v1alpha1.Seeds{Values: []int64{42, 6312, 1, 2, 3, 4, 5}}, Grid: vitGrid("1e-3")},
		Training:     v1alpha1.Training{Epochs: 90, BatchSize: 256, LabelSmoothing: "0.1", Augmentation: mixes(v1alpha1.Augmentation{ImageSize: 224, RandomResizedCrop: &v1alpha1.RandomResizedCropAugmentation{}, HorizontalFlip: flip()})},
	}
	contrastive := Preset{
		Name: "vit-contrastive", About: "ViT-S on ImageNet-1k: contrastive pre-training", Dataset: "imagenet", Import: imagenet,
		Notes:        []string{vision, "Three models are published; of their seeds 42 could be verified, the others are ours."},
		Architecture: architecture,
		Population:   v1alpha1.Population{Seeds: v1alpha1.Seeds{Values: []int64{42, 1, 2}}, Grid: vitGrid("1e-3")},
		Training: v1alpha1.Training{
			Epochs: 90, BatchSize: 96, Objective: v1alpha1.ObjectiveContrastive, Temperature: "0.07",
			Augmentation: v1alpha1.Augmentation{
				ImageSize: 224, RandomResizedCrop: &v1alpha1.RandomResizedCropAugmentation{}, HorizontalFlip: flip(),
				ColorJitter: v1alpha1.ColorJitterAugmentation{Probability: "0.8", Brightness: "0.5", Contrast: "0.5", Saturation: "0.5", Hue: "0.1"},
				Grayscale:   v1alpha1.GrayscaleAugmentation{Probability: "0.2"}, GaussianBlur: v1alpha1.GaussianBlurAugmentation{KernelSize: 9},
			},
		},
	}
	padding := int32(0)
	finetune := Preset{
		Name: "vit-finetune", About: "ViT-S on CIFAR-100: fine-tuning of every pre-trained model", Dataset: "cifar100-vit", Continues: true,
		Import: "--preset cifar100-resnet --resize 256 --interpolation bicubic " + imageNet,
		Notes: []string{
			"spec.initialWeights names the pre-trained zoo and the head: one zoo with head linear and one with head mlp are the 24 models for each pre-trained one.",
			intended, "The batch size of the fine-tuning could not be verified: 256, as pre-training has it.",
		},
		Architecture: architecture,
		Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: 2}, Grid: v1alpha1.Grid{
			Activation: []v1alpha1.Activation{v1alpha1.ActivationGELU}, Initializer: []v1alpha1.Initializer{v1alpha1.InitializerKaimingNormal},
			Optimizer: []v1alpha1.Optimizer{v1alpha1.OptimizerAdamW, v1alpha1.OptimizerSGD}, LearningRate: decimals{"3e-3", "1e-3", "1e-4"}, WeightDecay: decimals{"0"}, Dropout: decimals{"0"},
		}},
		Training: v1alpha1.Training{Epochs: 50, BatchSize: 256, Momentum: "0.9", LabelSmoothing: "0.1", Augmentation: mixes(v1alpha1.Augmentation{
			ImageSize: 224, RandomCrop: &v1alpha1.RandomCropAugmentation{Padding: &padding}, HorizontalFlip: flip(), Rotation: v1alpha1.RotationAugmentation{Degrees: "10"},
		})},
	}
	return []Preset{supervised, contrastive, finetune}
}

// mixes adds the soft targets: mixup 0.8 or cutmix 1 for each batch, and a rectangle erased of one image in four.
func mixes(a v1alpha1.Augmentation) v1alpha1.Augmentation {
	a.RandomErasing = &v1alpha1.RandomErasingAugmentation{Probability: "0.25"}
	a.MixUp, a.CutMix = v1alpha1.MixAugmentation{Alpha: "0.8"}, v1alpha1.MixAugmentation{Alpha: "1"}
	return a
}

// vitGrid is the one point of pre-training.
func vitGrid(rate v1alpha1.Decimal) v1alpha1.Grid {
	return v1alpha1.Grid{
		Activation: []v1alpha1.Activation{v1alpha1.ActivationGELU}, Initializer: []v1alpha1.Initializer{v1alpha1.InitializerKaimingNormal},
		Optimizer: []v1alpha1.Optimizer{v1alpha1.OptimizerAdamW}, LearningRate: decimals{rate}, WeightDecay: decimals{"1e-4"}, Dropout: decimals{"0"},
	}
}
