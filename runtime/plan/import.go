package plan

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// importMemory is what an import needs: a block of models of at most 256 MiB, the file of it that is being written, a checkpoint for
// each worker, and the list of files. A zoo's index may add its own.
const (
	importMemory = 2 << 30
	importWorker = 256 << 20
)

// FolderScheme marks a source that is a folder of the machine that imports; no manifest may have it.
const FolderScheme = "folder:"

var importPattern = regexp.MustCompile(`^(https?://[^\s]+|(s3|gs|azblob)://[^\s/]+/[^\s]+|store:[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)$`)

// importZoo plans a zoo that comes from files: import, then index. Members, architecture and epochs are found in the files.
func importZoo(z *v1alpha1.ModelZooSpec, in Inputs) (*spec.Snapshot, error) {
	im, err := resolveImport(z)
	if err != nil {
		return nil, err
	}
	return importPlan(z, im, in), nil
}

// LocalImport plans an import from a folder or archive of this machine, which the program is given beside the plan.
func LocalImport(z *v1alpha1.ModelZooSpec, in Inputs, membersPerShard int) (*spec.Snapshot, error) {
	im, err := importOptions(&z.Import, membersPerShard)
	if err != nil {
		return nil, err
	}
	return importPlan(z, im, in), nil
}

func importPlan(z *v1alpha1.ModelZooSpec, im *spec.Import, in Inputs) *spec.Snapshot {
	zoo := &spec.Zoo{Import: im}
	if in.Dataset != nil {
		zoo.Dataset = *in.Dataset
	}
	s := newSnapshot(spec.KindModelZoo, in, ModelZooSpecDigest(z))
	s.Zoo = zoo
	s.Stages = []spec.Stage{
		{Name: spec.StageImport, Shards: []spec.Shard{{}}, MemoryBytes: importMemory, WorkerBytes: importWorker, GraceSeconds: graceSeconds(0)},
		{Name: spec.StageIndex, Shards: []spec.Shard{{}}, MemoryBytes: importMemory, GraceSeconds: graceSeconds(0)},
	}
	return s
}

func resolveImport(z *v1alpha1.ModelZooSpec) (*spec.Import, error) {
	const at = "spec.import."
	if err := aloneWithImport(z); err != nil {
		return nil, err
	}
	i := &z.Import
	if err := oneOf(at+"layout", []v1alpha1.ZooLayout{i.Layout}, []v1alpha1.ZooLayout{v1alpha1.ZooLayoutRayTune, v1alpha1.ZooLayoutHuggingFace, v1alpha1.ZooLayoutPickled}); err != nil {
		return nil, err
	}
	if !importPattern.MatchString(i.Source.URL) {
		return nil, &FieldError{at + "source.url", fmt.Sprintf("%q is not a source", i.Source.URL), "give an http(s) or bucket URL, or store:path for an uploaded file; `weightspace import` reads a folder"}
	}
	if len(i.Source.SHA256) != 64 {
		return nil, &FieldError{at + "source.sha256", fmt.Sprintf("%q is not a sha256", i.Source.SHA256), "give 64 lower-case hexadecimal digits, as sha256sum prints them"}
	}
	return importOptions(i, membersOf(z))
}

// importOptions resolves all of spec.import but its source, which it takes as it is.
func importOptions(i *v1alpha1.ZooImport, membersPerShard int) (*spec.Import, error) {
	const at = "spec.import.filter."
	out := &spec.Import{Layout: string(i.Layout), URL: i.Source.URL, SHA256: i.Source.SHA256, MembersPerShard: membersPerShard}
	switch i.Filter.NonFinite {
	case "", v1alpha1.NonFiniteDrop:
	case v1alpha1.NonFiniteKeep:
		out.KeepNonFinite = true
	default:
		return nil, &FieldError{at + "nonFinite", fmt.Sprintf("unknown value %q", i.Filter.NonFinite), "use drop or keep"}
	}
	if w := i.Filter.MaxAbsWeight; w != "" {
		texts, err := decimals(at+"maxAbsWeight", []v1alpha1.Decimal{w}, positive)
		if err != nil {
			return nil, err
		}
		out.MaxAbsWeight = texts[0]
	}
	return out, nil
}

func membersOf(z *v1alpha1.ModelZooSpec) int {
	if z.Sharding != nil && z.Sharding.MembersPerShard > 0 {
		return int(z.Sharding.MembersPerShard)
	}
	return defaultMembersPerShard
}

// aloneWithImport refuses what the files say.
func aloneWithImport(z *v1alpha1.ModelZooSpec) error {
	for _, f := range []struct {
		field string
		zero  bool
	}{
		{"spec.preset", z.Preset == ""},
		{"spec.architecture", reflect.DeepEqual(z.Architecture, v1alpha1.Architecture{})},
		{"spec.population", reflect.DeepEqual(z.Population, v1alpha1.Population{})},
		{"spec.training", reflect.DeepEqual(z.Training, v1alpha1.Training{})},
		{"spec.initialWeights", reflect.DeepEqual(z.InitialWeights, v1alpha1.InitialWeights{})},
		{"spec.retention", z.Retention == v1alpha1.Retention{}},
		{"spec.twins", len(z.Twins) == 0},
	} {
		if !f.zero {
			return &FieldError{f.field, "spec.import takes it from the files", "remove it"}
		}
	}
	return nil
}

// importScience is what the digest of an imported zoo covers.
type importScience struct {
	Version      int    `json:"v"`
	Dataset      string `json:"dataset,omitempty"`
	Layout       string `json:"layout"`
	SHA256       string `json:"sha256"`
	NonFinite    string `json:"nonFinite,omitempty"`
	MaxAbsWeight string `json:"maxAbsWeight,omitempty"`
	Store        string `json:"store,omitempty"`
}

// importDigest covers the bytes of the source, not where they come from.
func importDigest(z *v1alpha1.ModelZooSpec) string {
	i := &z.Import
	s := importScience{
		Version: 1, Dataset: string(z.Dataset.Name), Layout: string(i.Layout), SHA256: i.Source.SHA256, Store: string(z.Store.Name),
	}
	if i.Filter.NonFinite == v1alpha1.NonFiniteKeep {
		s.NonFinite = string(i.Filter.NonFinite)
	}
	if i.Filter.MaxAbsWeight != "" {
		s.MaxAbsWeight = canonicalDecimal(string(i.Filter.MaxAbsWeight))
	}
	return digestJSON(s)
}

// checkImport refuses what this package or an index would not have made.
func checkImport(z *spec.Zoo) error {
	i := z.Import
	known := false
	for _, l := range []v1alpha1.ZooLayout{v1alpha1.ZooLayoutRayTune, v1alpha1.ZooLayoutHuggingFace, v1alpha1.ZooLayoutPickled} {
		known = known || i.Layout == string(l)
	}
	if !known || i.URL == "" || i.MembersPerShard < 1 {
		return damaged(fmt.Sprintf("import of layout %q from %q, %d models to a shard", i.Layout, i.URL, i.MembersPerShard))
	}
	if i.MaxAbsWeight != "" {
		if v, err := strconv.ParseFloat(i.MaxAbsWeight, 64); err != nil || !(v > 0) {
			return damaged(fmt.Sprintf("maxAbsWeight %q", i.MaxAbsWeight))
		}
	}
	if z.Parameters < 0 || z.Epochs < 0 || z.BatchSize < 0 || len(z.Cells) != 0 || len(z.Twins) != 0 || z.Width < 0 || z.Width > maxWidth {
		return damaged("an imported zoo with members of its own")
	}
	return nil
}
