// Package spec holds the plain structs of a frozen plan: what pods and the command line
// execute. It has no behaviour beyond naming; package plan makes a Snapshot, package program runs it.
package spec

// PlanVersion is the version of the Snapshot format. A runtime refuses a newer one.
const PlanVersion = 1

// NumericsVersion names the arithmetic: kernels, reduction trees, polynomials and random
// streams. It is part of every model's identity; change it whenever bits change.
const NumericsVersion = "n2"

// Kinds of staged objects.
const (
	KindDataset  = "Dataset"
	KindModelZoo = "ModelZoo"
)

// Stages.
const (
	// StageFetch downloads, checks and converts the source files of a Dataset.
	StageFetch = "fetch"
	// StageVerify reads the converted data set back and reports its summary.
	StageVerify = "verify"
	// StageTrain trains the members of a ModelZoo.
	StageTrain = "train"
	// StageIndex checks every shard's manifest and writes the tables of a ModelZoo.
	StageIndex = "index"
	// StageCleanup removes the artifact of a deleted object.
	StageCleanup = "cleanup"
)

// Snapshot is a plan, frozen: everything a pod needs to know besides which stage and shard
// it runs. Equal inputs give equal bytes. parallelism and compute are no part of it.
type Snapshot struct {
	PlanVersion int    `json:"planVersion"`
	Numerics    string `json:"numerics"`
	Object      Object `json:"object"`
	// SpecDigest is "sha256:..." of the scientific fields.
	SpecDigest string `json:"specDigest"`
	// Store is the URL of the artifact store.
	Store string `json:"store"`
	// ArtifactPath is the artifact's folder below the store: <namespace>/<kind>/<name>.
	ArtifactPath string `json:"artifactPath"`

	// Exactly one of the following is set, by Object.Kind.
	Dataset  *Dataset  `json:"dataset,omitempty"`
	Zoo      *Zoo      `json:"zoo,omitempty"`
	Analysis *Analysis `json:"analysis,omitempty"`

	Stages []Stage `json:"stages"`
	// DiskBytes is the estimated size of the artifact.
	DiskBytes int64 `json:"diskBytes"`
}

// Object names the custom resource a plan belongs to.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Stage is a set of shards that may run in parallel. Stages run in order.
type Stage struct {
	Name   string  `json:"name"`
	Shards []Shard `json:"shards"`
	// MemoryBytes is what one pod of the stage needs at most (closed form), WorkerBytes what each core beyond the first adds
	// while there are members for it.
	MemoryBytes int64 `json:"memoryBytes"`
	WorkerBytes int64 `json:"workerBytes,omitempty"`
	// GraceSeconds is how long a pod needs to checkpoint after SIGTERM.
	GraceSeconds int64 `json:"graceSeconds"`
}

// Shard is a range of members of one cohort, [From, To). Stages without members have one
// shard 0..0.
type Shard struct {
	Cohort int `json:"cohort"`
	From   int `json:"from"`
	To     int `json:"to"`
	// Twins, in the stages of twins, is the position of the TwinSet whose twins [From, To) these are.
	Twins int `json:"twins,omitempty"`
}

// Dataset is the resolved spec of a Dataset.
type Dataset struct {
	Format        string        `json:"format"`
	Files         []File        `json:"files"`
	Splits        Splits        `json:"splits"`
	Limit         Limit         `json:"limit"`
	Normalization Normalization `json:"normalization"`
	// Transform changes images while they are read; nil leaves them.
	Transform *Transform `json:"transform,omitempty"`
	// Options are choices of the format; nil is the default of each.
	Options *FormatOptions `json:"options,omitempty"`
}

// File is one source file.
type File struct {
	Role   string `json:"role"`
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
}

// Splits are image counts and the seed of the train/validation permutation.
type Splits struct {
	Train      int   `json:"train"`
	Validation int   `json:"validation"`
	Test       int   `json:"test"`
	Seed       int64 `json:"seed"`
}

// Limit keeps the first images of each split; 0 keeps all.
type Limit struct {
	Train      int `json:"train,omitempty"`
	Validation int `json:"validation,omitempty"`
	Test       int `json:"test,omitempty"`
}

// Normalization is the per-channel mean and standard deviation of pixels in [0, 1], as the
// user wrote them.
type Normalization struct {
	Mean []string `json:"mean"`
	Std  []string `json:"std"`
}

// Zoo is the resolved spec of a ModelZoo.
type Zoo struct {
	Dataset DatasetInput `json:"dataset"`
	// Import is set for a zoo whose members come from files: then the plan has no members.
	Import *Import `json:"import,omitempty"`
	// Architecture is a preset's name or ArchitectureLayers.
	Architecture string `json:"architecture"`
	// Width is the channels of the first stage of preset resnet18, unless DefaultWidth.
	Width int `json:"width,omitempty"`
	// Layers are set with ArchitectureLayers only.
	Layers     []Layer `json:"layers,omitempty"`
	Parameters int     `json:"parameters"`
	Epochs     int     `json:"epochs"`
	BatchSize  int     `json:"batchSize"`
	Momentum   string  `json:"momentum"`
	// Nesterov is the form of sgd's momentum.
	Nesterov bool `json:"nesterov,omitempty"`
	// Schedule moves the learning rate; nil keeps it.
	Schedule *Schedule `json:"schedule,omitempty"`
	// ClipNorm and ClipValue limit gradients; at most one is set.
	ClipNorm  string `json:"clipNorm,omitempty"`
	ClipValue string `json:"clipValue,omitempty"`
	// LabelSmoothing is in [0, 1); "" is 0.
	LabelSmoothing string `json:"labelSmoothing,omitempty"`
	// Augmentation of the training images; nil leaves them alone.
	Augmentation *Augmentation `json:"augmentation,omitempty"`
	// Objective is ObjectiveContrastive with its Temperature, or "".
	Objective   string `json:"objective,omitempty"`
	Temperature string `json:"temperature,omitempty"`
	// Initial says which models the members continue; nil draws weights.
	Initial *InitialWeights `json:"initial,omitempty"`
	Seeds   Seeds           `json:"seeds"`
	// Cells are the grid's points within a cohort, without seed: initializer x learning rate
	// x weight decay x dropout.
	Cells []Cell `json:"cells"`
	// Limit keeps the first members of the balanced order, 0 for all.
	Limit int `json:"limit,omitempty"`
	// Retention says which epochs' weights stay; nil keeps all.
	Retention *Retention `json:"retention,omitempty"`
	// Cohorts share the shape of the computation.
	Cohorts []Cohort `json:"cohorts"`
	// Twins are sparse twins of every member.
	Twins []TwinSet `json:"twins,omitempty"`
}

// DatasetInput is the upstream Dataset's artifact, as resolved when the plan was made.
type DatasetInput struct {
	Name string `json:"name"`
	// Store and Path locate the artifact: Path is below Store.
	Store string `json:"store"`
	Path  string `json:"path"`
	// ManifestDigest pins the artifact's manifest.json; ResultDigest identifies the data
	// (pixels, labels, splits, limit, normalisation) and is part of every model's identity.
	ManifestDigest string `json:"manifestDigest"`
	ResultDigest   string `json:"resultDigest"`
	Channels       int    `json:"channels"`
	Height         int    `json:"height"`
	Width          int    `json:"width"`
	Classes        int    `json:"classes"`
	Train          int    `json:"train"`
	Validation     int    `json:"validation"`
	Test           int    `json:"test"`
}

// Seeds lists the seeds of each cell; exactly one field is set.
type Seeds struct {
	Count  int          `json:"count,omitempty"`
	Values []int64      `json:"values,omitempty"`
	Random *RandomSeeds `json:"random,omitempty"`
}

// RandomSeeds draws Count seeds in [0, 1000000) for each cell from RootSeed.
type RandomSeeds struct {
	Count    int   `json:"count"`
	RootSeed int64 `json:"rootSeed"`
}

// Cell is one grid point within a cohort. Decimals keep the user's text.
type Cell struct {
	Initializer  string `json:"initializer"`
	LearningRate string `json:"learningRate"`
	WeightDecay  string `json:"weightDecay"`
	Dropout      string `json:"dropout"`
}

// Cohort is what members of one shard share beside architecture and batch size.
type Cohort struct {
	Activation string `json:"activation"`
	Optimizer  string `json:"optimizer"`
}

// Member is one network of a zoo.
type Member struct {
	// ID is the model's identity, 32 hexadecimal digits: a hash of everything that determines
	// its trajectory. It does not depend on the zoo's name or the member's position.
	ID           string
	Seed         uint64
	Activation   string
	Initializer  string
	Optimizer    string
	LearningRate float64
	WeightDecay  float64
	Dropout      float64
	// Parent is the modelID that the member continues, "" for one that starts from nothing.
	Parent string
}
