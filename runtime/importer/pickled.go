package importer

import (
	"context"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/pickle"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// pickledTrial is a model of a pre-processed data set: its state dicts by epoch.
type pickledTrial struct {
	name    string
	meta    *Meta
	tensors map[int]pickle.Value
	err     error
}

// splitNames are the keys of the splits of a pre-processed data set, in the order of its models.
var splitNames = []string{"trainset", "valset", "testset"}

// datasetClass allows the classes that hold a split, as inert records, and what numbers of NumPy are made of.
func datasetClass(module, name string) bool {
	switch module {
	case "numpy.core.multiarray", "numpy._core.multiarray":
		return name == "scalar"
	case "numpy":
		return name == "dtype"
	}
	return strings.Contains(name, "Dataset") && !strings.ContainsAny(name, ". ")
}

// scanPickled reads every .pt, .pth and .pkl file of the source.
func scanPickled(source Source) ([]Trial, error) {
	var out []Trial
	files := 0
	for _, file := range source.Files() {
		switch path.Ext(file) {
		case ".pt", ".pth", ".pkl":
		default:
			continue
		}
		if path.Base(file) == "dataset.pt" {
			continue // the published zoos' images
		}
		files++
		b, err := source.Read(context.Background(), file)
		if err != nil {
			return nil, err
		}
		trials, err := scanSplits(file, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, trials...)
	}
	if files == 0 {
		return nil, fmt.Errorf("there is no .pt, .pth or .pkl file")
	}
	return out, nil
}

func scanSplits(file string, b []byte) ([]Trial, error) {
	f, err := torchzip.Decode(b, torchzip.Options{Allow: datasetClass})
	var value pickle.Value
	switch {
	case err == nil:
		value = f.Value
	case path.Ext(file) == ".pkl":
		if value, _, err = pickle.Decode(b, pickle.Options{Allow: datasetClass}); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	d, ok := value.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("it holds a %s, not a dict with %v", pickle.TypeName(value), splitNames)
	}
	var out []Trial
	for _, split := range splitNames {
		v, ok := d.Get(split)
		if !ok || v == nil {
			continue
		}
		trials, err := scanSplit(file+"/"+split, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", split, err)
		}
		out = append(out, trials...)
	}
	if out == nil {
		return nil, fmt.Errorf("its dict has none of %v", splitNames)
	}
	return out, nil
}

// fields finds a field of a record or dict.
func fields(v pickle.Value) func(string) (pickle.Value, bool) {
	switch v := v.(type) {
	case *pickle.Object:
		return v.Field
	case *pickle.Dict:
		return func(name string) (pickle.Value, bool) { return v.Get(name) }
	}
	return func(string) (pickle.Value, bool) { return nil, false }
}

// scanSplit lists the models of a split: data_in holds, for each model, a state dict or a list of state dicts by epoch.
func scanSplit(name string, v pickle.Value) ([]Trial, error) {
	field := fields(v)
	data, ok := field("data_in")
	items := listOf(data)
	if !ok || items == nil {
		return nil, fmt.Errorf("a %s without a list data_in", pickle.TypeName(v))
	}
	paths, _ := field("paths")
	epochs, _ := field("epochs")
	properties, _ := field("properties")
	var out []Trial
	for i, item := range items {
		t := &pickledTrial{name: fmt.Sprintf("%s[%d]", name, i), tensors: map[int]pickle.Value{}}
		if p, ok := at(paths, i).(string); ok {
			t.name += " " + path.Base(p)
		}
		t.err = t.read(item, at(epochs, i), properties, i)
		out = append(out, t)
	}
	return out, nil
}

// read finds the model's state dicts and properties.
func (t *pickledTrial) read(item, epochs, properties pickle.Value, model int) error {
	states := listOf(item)
	if states == nil {
		states = []pickle.Value{item}
	}
	m := &Meta{Metrics: map[int]Metrics{}}
	for i, s := range states {
		epoch := int64(i)
		if e, ok := numberOf(at(epochs, i)); ok {
			epoch = int64(e)
		} else if e, ok := numberOf(epochs); ok && len(states) == 1 {
			epoch = int64(e)
		} else if e, ok := numberOf(at(property(properties, "training_iteration", model), i)); ok {
			epoch = int64(e)
		}
		if epoch < 0 || epoch > maxEpoch || t.tensors[int(epoch)] != nil {
			return skip(Damaged, t.name, "epoch %d is out of range or there twice", epoch)
		}
		if _, ok := s.(*pickle.Dict); !ok {
			return skip(Damaged, t.name, "epoch %d is a %s, not a state dict; import the raw zoo instead of its vectors", epoch, pickle.TypeName(s))
		}
		t.tensors[int(epoch)] = s
		row := noMetrics()
		for j, key := range []string{"train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "test_acc"} {
			if v, ok := numberOf(at(property(properties, key, model), i)); ok {
				row[j] = v
			}
		}
		m.Metrics[int(epoch)] = row
	}
	m.Epochs = sortedKeys(t.tensors)
	var err error
	m.Config, err = configOf(t.name, properties, model)
	t.meta = m
	return err
}

// configOf reads the hyper-parameters of a model among the properties.
func configOf(name string, properties pickle.Value, model int) (Config, error) {
	text := func(key string) string {
		v := property(properties, key, model)
		if list := listOf(v); len(list) > 0 {
			v = list[0]
		}
		s, _ := v.(string)
		return s
	}
	value := func(key string) float64 {
		v := property(properties, key, model)
		if list := listOf(v); len(list) > 0 {
			v = list[0]
		}
		n, _ := numberOf(v)
		return n
	}
	c := Config{
		LearningRate: value("optim::lr"), WeightDecay: value("optim::wd"), Dropout: value("model::dropout"), Momentum: value("optim::momentum"),
		Activation: activations[strings.ToLower(text("model::nlin"))], Initializer: initializers[strings.ToLower(text("model::init_type"))],
		Optimizer: optimizers[strings.ToLower(text("optim::optimizer"))],
	}
	size, ok1 := whole(value("training::batchsize"), 0, math.MaxInt32)
	seed, ok2 := whole(value("seed"), -maxSeed, maxSeed)
	if !ok1 || !ok2 {
		return Config{}, skip(BadConfig, name, "seed or training::batchsize is no whole number")
	}
	c.BatchSize, c.Seed = int(size), seed
	return c, c.check(name)
}

// property is properties[key][model].
func property(properties pickle.Value, key string, model int) pickle.Value {
	d, ok := properties.(*pickle.Dict)
	if !ok {
		return nil
	}
	v, _ := d.Get(key)
	return at(v, model)
}

// at is item i of a list, or of a tensor of one dimension.
func at(v pickle.Value, i int) pickle.Value {
	if list := listOf(v); i < len(list) {
		return list[i]
	}
	return nil
}

func listOf(v pickle.Value) []pickle.Value {
	switch v := v.(type) {
	case *pickle.List:
		return v.Items
	case pickle.Tuple:
		return v
	}
	return nil
}

// numberOf reads a number of Python, NumPy or a tensor of one element.
func numberOf(v pickle.Value) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case *torchzip.Tensor:
		t := artifact.Tensor{DType: v.DType, Data: v.Data}
		if f, err := torchzip.Float32s(nil, &t); err == nil && len(f) == 1 {
			return float64(f[0]), true
		}
	case *pickle.Object:
		return scalar(v)
	}
	return 0, false
}

// scalar reads numpy.core.multiarray.scalar(dtype('f8'), bytes).
func scalar(o *pickle.Object) (float64, bool) {
	if o.Class.Name != "scalar" || len(o.Args) != 2 {
		return 0, false
	}
	d, ok1 := o.Args[0].(*pickle.Object)
	b, ok2 := o.Args[1].([]byte)
	if !ok1 || !ok2 || len(d.Args) == 0 {
		return 0, false
	}
	name, _ := d.Args[0].(string)
	types := map[string]artifact.DType{"f8": artifact.F64, "f4": artifact.F32, "i8": artifact.I64, "i4": artifact.I32, "b1": artifact.Bool}
	if types[name] == artifact.F64 && len(b) == 8 {
		bits := uint64(0)
		for i := 7; i >= 0; i-- {
			bits = bits<<8 | uint64(b[i])
		}
		return math.Float64frombits(bits), true
	}
	t := artifact.Tensor{DType: types[name], Data: b}
	f, err := torchzip.Float32s(nil, &t)
	if err != nil || len(f) != 1 {
		return 0, false
	}
	return float64(f[0]), true
}

func (t *pickledTrial) Name() string { return t.name }

func (t *pickledTrial) Meta(context.Context) (*Meta, error) { return t.meta, t.err }

func (t *pickledTrial) Tensors(_ context.Context, epoch int) ([]artifact.Tensor, error) {
	v, ok := t.tensors[epoch]
	if !ok {
		return nil, skip(Missing, t.name, "it has no epoch %d", epoch)
	}
	tensors, err := torchzip.StateDict(v)
	if err != nil {
		return nil, &SkipError{Damaged, t.name, err}
	}
	return tensors, nil
}
