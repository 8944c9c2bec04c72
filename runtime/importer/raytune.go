package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// Names in a folder of a trial.
const (
	paramsName       = "params.json"
	resultName       = "result.json"
	configName       = "config.json"
	checkpointPrefix = "checkpoint_"
)

// checkpointFiles are the names of the state dict in a checkpoint's folder, the published one first.
var checkpointFiles = []string{"checkpoints", "checkpoint", "model.pt"}

// rayTrial is a folder with params.json, result.json and checkpoint_<epoch>/checkpoints.
type rayTrial struct {
	source Source
	dir    string
	params string
	// checkpoints are paths by epoch.
	checkpoints map[int]string
	// empty are checkpoint folders without a state dict.
	empty []string
}

// Scan finds the models of a layout, in the order of their names.
func Scan(source Source, layout string) ([]Trial, error) {
	switch layout {
	case RayTune:
		return scanRay(source), nil
	case HuggingFace:
		return scanHuggingFace(source), nil
	case Pickled:
		return scanPickled(source)
	}
	return nil, fmt.Errorf("unknown layout %q; use one of %v", layout, Layouts)
}

func scanRay(source Source) []Trial {
	folders, names := groups(source.Files())
	trials := map[string]*rayTrial{}
	trial := func(dir string) *rayTrial {
		if trials[dir] == nil {
			trials[dir] = &rayTrial{source: source, dir: dir, checkpoints: map[int]string{}}
		}
		return trials[dir]
	}
	for _, dir := range folders {
		if epoch, padded, ok := checkpointEpoch(path.Base(dir)); ok {
			trial(path.Dir(dir)).add(dir, epoch, padded, names[dir])
			continue
		}
		// config.json alone is the grid of a whole zoo.
		if slices.Contains(names[dir], paramsName) || slices.Contains(names[dir], resultName) {
			trial(dir).params = paramsName
		}
	}
	out := make([]Trial, 0, len(trials))
	for _, dir := range sortedKeys(trials) {
		t := trials[dir]
		if has := names[dir]; !slices.Contains(has, paramsName) && slices.Contains(has, configName) {
			t.params = configName
		}
		out = append(out, t)
	}
	return out
}

// checkpointEpoch reads checkpoint_<n> and checkpoint_%06d.
func checkpointEpoch(name string) (epoch int, padded, ok bool) {
	digits, ok := strings.CutPrefix(name, checkpointPrefix)
	if !ok || digits == "" || len(digits) > 12 || strings.Trim(digits, "0123456789") != "" {
		return 0, false, false
	}
	n, err := strconv.Atoi(digits)
	return n, len(digits) > 1 && digits[0] == '0', err == nil && n <= maxEpoch
}

// add notes a checkpoint folder. Of two spellings of an epoch the one without zeros counts, as in the published loader.
func (t *rayTrial) add(dir string, epoch int, padded bool, names []string) {
	for _, name := range checkpointFiles {
		if !slices.Contains(names, name) {
			continue
		}
		if _, have := t.checkpoints[epoch]; !have || !padded {
			t.checkpoints[epoch] = path.Join(dir, name)
		}
		return
	}
	t.empty = append(t.empty, dir)
}

func (t *rayTrial) Name() string { return t.dir }

func (t *rayTrial) Meta(ctx context.Context) (*Meta, error) {
	if len(t.empty) > 0 {
		return nil, skip(Missing, t.empty[0], "there is no file %s in it", checkpointFiles[0])
	}
	name := t.params
	if name == "" {
		name = paramsName
	}
	b, err := read(ctx, t.source, path.Join(t.dir, name))
	if err != nil {
		return nil, err
	}
	m := &Meta{Epochs: sortedKeys(t.checkpoints)}
	if m.Config, err = parseRayConfig(path.Join(t.dir, name), b); err != nil {
		return nil, err
	}
	file := path.Join(t.dir, resultName)
	if b, err = read(ctx, t.source, file); err != nil {
		return nil, err
	}
	m.Metrics, err = parseResults(file, b)
	return m, err
}

func (t *rayTrial) Tensors(ctx context.Context, epoch int) ([]artifact.Tensor, error) {
	file := t.checkpoints[epoch]
	b, err := read(ctx, t.source, file)
	if err != nil {
		return nil, err
	}
	tensors, err := torchzip.ReadStateDict(b, torchzip.Options{})
	if err != nil {
		return nil, &SkipError{Damaged, file, err}
	}
	return tensors, nil
}

// read turns an absent file into a reason, and leaves other errors alone but for damage.
func read(ctx context.Context, source Source, file string) ([]byte, error) {
	b, err := source.Read(ctx, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &SkipError{Missing, file, errors.New("it is not there")}
	case errors.Is(err, ErrArchive), errors.Is(err, ErrSize):
		return nil, &SkipError{Damaged, file, err}
	}
	return b, err
}

func sortedKeys[K int | string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
