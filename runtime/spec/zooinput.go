package spec

// ZooInput is an upstream ModelZoo's artifact, as resolved when a plan was made.
type ZooInput struct {
	Name string `json:"name"`
	// Store and Path locate the artifact: Path is below Store.
	Store string `json:"store"`
	Path  string `json:"path"`
	// ManifestDigest pins the artifact's manifest.json; ResultDigest identifies the weights and metrics.
	ManifestDigest string `json:"manifestDigest"`
	ResultDigest   string `json:"resultDigest"`
	// Members, Epochs and Parameters size what is read.
	Members    int `json:"members"`
	Epochs     int `json:"epochs"`
	Parameters int `json:"parameters"`
	// Dataset is the data set that the zoo was trained on; nil for an imported zoo without one.
	Dataset *DatasetInput `json:"dataset,omitempty"`
}
