package spec

// StageImport reads the files of a zoo that was trained elsewhere.
const StageImport = "import"

// Import is the resolved spec.import of a ModelZoo. Such a plan's Zoo has no members: they are found in the files. The manifest of the
// artifact holds the plan with what was found filled in (architecture, parameters, epochs, cohorts).
type Import struct {
	// Layout is rayTune, huggingFace or pickled.
	Layout string `json:"layout"`
	// URL and SHA256 are those of the archive. A folder of the machine that imported has the URL folder:<name> and no sha256.
	URL    string `json:"url"`
	SHA256 string `json:"sha256,omitempty"`
	// KeepNonFinite keeps models with NaN or infinite weights.
	KeepNonFinite bool `json:"keepNonFinite,omitempty"`
	// MaxAbsWeight leaves out models with a larger weight; "" keeps all.
	MaxAbsWeight string `json:"maxAbsWeight,omitempty"`
	// MembersPerShard is how many models share the files of an epoch.
	MembersPerShard int `json:"membersPerShard"`
}
