package preset

import (
	"github.com/weightspace/weightspace/api/v1alpha1"
)

// Seeds of the three types of zoos (card section 1).
const (
	seedZooSeeds = 1000
	hypZooSeeds  = 10
)

type decimals = []v1alpha1.Decimal

// cnnZoo is one row of the card's table for a data set and a CNN: the seed zoo's recipe and the grid of its two hyper-parameter zoos.
type cnnZoo struct {
	name, data, title string
	architecture      v1alpha1.ArchitecturePreset

	// The seed zoo.
	activation  v1alpha1.Activation
	initializer v1alpha1.Initializer
	rate, decay v1alpha1.Decimal
	optimizers  []v1alpha1.Optimizer
	rates       decimals
	decays      decimals
	drops       decimals
	hypNotes    []string
}

// cnnZoos is section 4 of the card, its CNN rows.
func cnnZoos() []cnnZoo {
	both := []v1alpha1.Optimizer{v1alpha1.OptimizerAdam, v1alpha1.OptimizerSGD}
	small, medium := v1alpha1.ArchitectureCNNSmall, v1alpha1.ArchitectureCNNMedium
	halves := decimals{"0", "0.5"}
	mnist := cnnZoo{
		name: "mnist", data: "mnist", title: "MNIST", architecture: small,
		activation: v1alpha1.ActivationTanh, initializer: v1alpha1.InitializerUniform, rate: "3e-4", decay: "0",
		optimizers: both, rates: decimals{"1e-3", "1e-4"}, decays: decimals{"1e-3", "1e-4"}, drops: halves,
	}
	fashion := mnist
	fashion.name, fashion.data, fashion.title = "fashion-mnist", "fashion-mnist", "Fashion-MNIST"
	cifar := cnnZoo{
		name: "cifar10-small", data: "cifar10-small", title: "CIFAR-10 at 28x28", architecture: small,
		activation: v1alpha1.ActivationGELU, initializer: v1alpha1.InitializerKaimingUniform, rate: "1e-4", decay: "1e-2",
		optimizers: both, rates: decimals{"1e-3"}, decays: decimals{"1e-2", "1e-3"}, drops: halves,
	}
	cifarMedium := cifar
	cifarMedium.name, cifarMedium.data, cifarMedium.title, cifarMedium.architecture = "cifar10-medium", "cifar10", "CIFAR-10", medium
	stl := cnnZoo{
		name: "stl10-small", data: "stl10-small", title: "STL-10 at 28x28", architecture: small,
		activation: v1alpha1.ActivationTanh, initializer: v1alpha1.InitializerKaimingUniform, rate: "1e-4", decay: "1e-3",
		optimizers: both, rates: decimals{"1e-3", "1e-4"}, decays: decimals{"1e-2", "1e-3"}, drops: halves,
	}
	stlMedium := stl
	stlMedium.name, stlMedium.data, stlMedium.title, stlMedium.architecture = "stl10-medium", "stl10", "STL-10 at 32x32", medium
	return []cnnZoo{
		mnist, fashion,
		{
			name: "svhn", data: "svhn", title: "SVHN, grey, 28x28", architecture: small,
			activation: v1alpha1.ActivationTanh, initializer: v1alpha1.InitializerUniform, rate: "3e-3", decay: "0",
			optimizers: []v1alpha1.Optimizer{v1alpha1.OptimizerSGD}, rates: decimals{"1e-2", "1e-3", "1e-4"}, decays: decimals{"0", "1e-3", "1e-1"},
			drops: decimals{"0", "0.3", "0.5"},
			hypNotes: []string{"The published scripts of this zoo list the normalisation 0.1307; 0.3081, with stale arguments of the loader; " +
				"as the seed zoo's, the data set here has 0.5; 0.5. Give a Dataset of your own with the other one to follow the scripts to the letter."},
		},
		{
			name: "usps", data: "usps", title: "USPS at 28x28", architecture: small,
			activation: v1alpha1.ActivationTanh, initializer: v1alpha1.InitializerUniform, rate: "3e-4", decay: "1e-3",
			optimizers: both, rates: decimals{"1e-3", "1e-4"}, decays: decimals{"1e-2", "1e-3"}, drops: halves,
		},
		cifar, cifarMedium, stl, stlMedium,
	}
}

// cnnPresets are the three types of zoos of every row. All have batches of 10, 50 epochs and no schedule.
func cnnPresets() []Preset {
	var out []Preset
	for _, z := range cnnZoos() {
		base := Preset{
			Dataset: z.data, Architecture: v1alpha1.Architecture{Preset: z.architecture},
			Training: v1alpha1.Training{Epochs: 50, BatchSize: 10, Momentum: "0.9"},
		}
		seed := base
		seed.Name, seed.About = v1alpha1.ZooPreset(z.name+"-seed"), z.title+": one recipe, 1000 seeds"
		seed.Population = v1alpha1.Population{
			Seeds: v1alpha1.Seeds{Count: seedZooSeeds},
			Grid: v1alpha1.Grid{
				Activation: []v1alpha1.Activation{z.activation}, Initializer: []v1alpha1.Initializer{z.initializer},
				Optimizer: []v1alpha1.Optimizer{v1alpha1.OptimizerAdam}, LearningRate: decimals{z.rate}, WeightDecay: decimals{z.decay}, Dropout: decimals{"0"},
			},
		}
		fix := base
		fix.Name, fix.About, fix.Notes = v1alpha1.ZooPreset(z.name+"-hyp-10-fix"), z.title+": grid, seeds 1 to 10 at every point", z.hypNotes
		fix.Population = v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: hypZooSeeds}, Grid: z.grid()}
		random := fix
		random.Name, random.About = v1alpha1.ZooPreset(z.name+"-hyp-10-rand"), z.title+": grid, 10 random seeds at every point"
		root := int64(7)
		random.Population = v1alpha1.Population{Seeds: v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: hypZooSeeds, RootSeed: &root}}, Grid: z.grid()}
		out = append(out, seed, fix, random)
	}
	return out
}

// grid is that of the hyper-parameter zoos: four activations and four initialisations in all of them.
func (z *cnnZoo) grid() v1alpha1.Grid {
	return v1alpha1.Grid{
		Activation: []v1alpha1.Activation{v1alpha1.ActivationTanh, v1alpha1.ActivationReLU, v1alpha1.ActivationSigmoid, v1alpha1.ActivationGELU},
		Initializer: []v1alpha1.Initializer{
			v1alpha1.InitializerUniform, v1alpha1.InitializerNormal, v1alpha1.InitializerKaimingUniform, v1alpha1.InitializerKaimingNormal,
		},
		Optimizer: z.optimizers, LearningRate: z.rates, WeightDecay: z.decays, Dropout: z.drops,
	}
}

// residualPresets are the three ResNet-18 zoos: sgd with a one-cycle schedule, whose momentum between 0.95 and 0.85 replaces the 0.9.
func residualPresets() []Preset {
	var out []Preset
	for _, z := range []struct {
		name, data, title string
		rate              v1alpha1.Decimal
		batch, epochs     int32
		augmentation      v1alpha1.Augmentation
	}{
		{"cifar10", "cifar10-resnet", "CIFAR-10", "0.05", 256, 50, cropAndFlip()},
		{"cifar100", "cifar100-resnet", "CIFAR-100", "0.1", 128, 60, cropAndFlip()},
		{"tiny-imagenet", "tiny-imagenet", "Tiny-ImageNet", "0.1", 128, 60, flipAndTurn()},
	} {
		out = append(out, Preset{
			Name: v1alpha1.ZooPreset(z.name + "-resnet18-seed"), About: z.title + ": one recipe, 1000 seeds", Dataset: z.data,
			Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureResNet18},
			Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: seedZooSeeds}, Grid: v1alpha1.Grid{
				Activation: []v1alpha1.Activation{v1alpha1.ActivationReLU}, Initializer: []v1alpha1.Initializer{v1alpha1.InitializerKaimingUniform},
				Optimizer: []v1alpha1.Optimizer{v1alpha1.OptimizerSGD}, LearningRate: decimals{z.rate}, WeightDecay: decimals{"5e-4"}, Dropout: decimals{"0"},
			}},
			Training: v1alpha1.Training{
				Epochs: z.epochs, BatchSize: z.batch, Momentum: "0.9", Augmentation: z.augmentation,
				Schedule: v1alpha1.Schedule{OneCycle: &v1alpha1.OneCycleSchedule{Rise: "0.3", Div: "25", FinalDiv: "1e4", HighMomentum: "0.95", LowMomentum: "0.85"}},
			},
		})
	}
	return out
}

// cropAndFlip is the augmentation of the CIFAR ResNets: windows of the image with 4 black pixels around it, mirrored at even odds.
func cropAndFlip() v1alpha1.Augmentation {
	padding := int32(4)
	return v1alpha1.Augmentation{RandomCrop: &v1alpha1.RandomCropAugmentation{Padding: &padding}, HorizontalFlip: flip()}
}

// flipAndTurn is that of Tiny-ImageNet: mirrored at even odds, turned by up to 20 degrees.
func flipAndTurn() v1alpha1.Augmentation {
	return v1alpha1.Augmentation{HorizontalFlip: flip(), Rotation: v1alpha1.RotationAugmentation{Degrees: "20"}}
}

func flip() *v1alpha1.HorizontalFlipAugmentation {
	return &v1alpha1.HorizontalFlipAugmentation{Probability: "0.5"}
}
