package v1alpha1

// ZooImport makes a zoo of networks that were trained elsewhere. Architecture, hyper-parameters and metrics come from the files; a
// model that cannot be used is left out, counted and named in the artifact's import.json.
type ZooImport struct {
	// layout of the files: rayTune is a folder for each trial with params.json, result.json and checkpoint folders, as the published
	// zoos have; huggingFace a folder for each model with config.json and model.safetensors; pickled a pre-processed data
	// set of state dicts.
	// +required
	Layout ZooLayout `json:"layout,omitempty"`

	// source of the files.
	// +required
	Source ImportSource `json:"source,omitempty,omitzero"`

	// filter says which models are left out.
	// +optional
	Filter ImportFilter `json:"filter,omitempty,omitzero"`
}

// ZooLayout is an arrangement of the files of a zoo.
//
// +kubebuilder:validation:Enum=rayTune;huggingFace;pickled
type ZooLayout string

// Layouts.
const (
	// ZooLayoutRayTune is that of Ray Tune and the published zoos.
	ZooLayoutRayTune ZooLayout = "rayTune"
	// ZooLayoutHuggingFace is a folder for each model.
	ZooLayoutHuggingFace ZooLayout = "huggingFace"
	// ZooLayoutPickled is a data set of state dicts.
	ZooLayoutPickled ZooLayout = "pickled"
)

// ImportSource is an archive with the files of a zoo.
type ImportSource struct {
	// url of a zip, tar or tar.gz archive (with layout pickled also of the file itself): https:// or http:// on a host the admin
	// allows, an object in a bucket the admin allows (s3://bucket/path, gs://bucket/path, azblob://container/path), or store:path for
	// a file below this namespace's uploads in the store.
	// +kubebuilder:validation:MinLength=7
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(https?://[^\s]+|(s3|gs|azblob)://[A-Za-z0-9$][A-Za-z0-9._-]*/[^\s?#]+|store:[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('store:') || !self.substring(6).split('/').exists(p, p == '.' || p == '..')",message="a store: path may not contain '.' or '..'"
	// +required
	URL string `json:"url,omitempty"`

	// sha256 of the archive as fetched, 64 lower-case hexadecimal digits.
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	// +required
	SHA256 string `json:"sha256,omitempty"`
}

// ImportFilter says which models are left out, as the published loaders do.
//
// +kubebuilder:validation:MinProperties=1
type ImportFilter struct {
	// nonFinite says what becomes of a model with a NaN or infinite weight: drop leaves it out, keep counts it as diverged.
	// Defaults to drop.
	// +optional
	NonFinite NonFiniteWeights `json:"nonFinite,omitempty"`

	// maxAbsWeight leaves out models with a weight of larger magnitude. Unset keeps all.
	// +optional
	MaxAbsWeight Decimal `json:"maxAbsWeight,omitempty"`
}

// NonFiniteWeights says what becomes of models with NaN or infinite weights.
//
// +kubebuilder:validation:Enum=drop;keep
type NonFiniteWeights string

// What becomes of models with NaN or infinite weights.
const (
	NonFiniteDrop NonFiniteWeights = "drop"
	NonFiniteKeep NonFiniteWeights = "keep"
)

// Imported says that the zoo is made of networks that were trained elsewhere.
func (z *ModelZooSpec) Imported() bool { return z.Import != ZooImport{} }
