package nn

import "strconv"

// module is PyTorch's name of entry i of the zoos' module list.
func module(i int) string { return "module_list." + strconv.Itoa(i) }

// CNNSmall is the 5-layer network of the model zoos: 2,464 parameters on 1x28x28 images and 10 classes. Pooling comes before
// the non-linearity, dropout after it.
func CNNSmall(classes int) Sequential {
	a, p := Activation{Member: true}, MaxPool{Kernel: 2}
	return Sequential{
		{module(0), Conv2D{Out: 8, Kernel: 5}},
		{"", p},
		{"", a},
		{"", Dropout{"dropout/2"}},
		{module(3), Conv2D{Out: 6, Kernel: 5}},
		{"", p},
		{"", a},
		{"", Dropout{"dropout/5"}},
		{module(6), Conv2D{Out: 4, Kernel: 2}},
		{"", a},
		{"", Flatten{}},
		{module(9), Linear{Out: 20}},
		{"", a},
		{"", Dropout{"dropout/10"}},
		{module(11), Linear{Out: classes}},
	}
}

// CNNMedium is the larger network of the model zoos: 10,853 parameters on 3x32x32 images and 10 classes.
func CNNMedium(classes int) Sequential {
	a, p := Activation{Member: true}, MaxPool{Kernel: 2}
	return Sequential{
		{module(0), Conv2D{Out: 16, Kernel: 3}},
		{"", p},
		{"", a},
		{"", Dropout{"dropout/3"}},
		{module(4), Conv2D{Out: 32, Kernel: 3}},
		{"", p},
		{"", a},
		{"", Dropout{"dropout/7"}},
		{module(8), Conv2D{Out: 15, Kernel: 3}},
		{"", p},
		{"", a},
		{"", Dropout{"dropout/11"}},
		{"", Flatten{}},
		{module(13), Linear{Out: 20}},
		{"", a},
		{"", Dropout{"dropout/15"}},
		{module(16), Linear{Out: classes}},
	}
}

// MLP is a perceptron with hidden layers of the given widths, each followed by the member's activation and dropout. Names
// are those of nn.Sequential without the flattening.
func MLP(hidden []int, classes int) Sequential {
	s := Sequential{{"", Flatten{}}}
	i := 0
	for _, w := range hidden {
		s = append(s, Named{strconv.Itoa(i), Linear{Out: w}}, Named{"", Activation{Member: true}}, Named{"", Dropout{"dropout/" + strconv.Itoa(i+2)}})
		i += 3
	}
	return append(s, Named{strconv.Itoa(i), Linear{Out: classes}})
}
