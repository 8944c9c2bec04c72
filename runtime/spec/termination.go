package spec

// Exit codes of `weightspace task`.
const (
	// ExitOK is returned only after the shard's manifest is stored.
	ExitOK = 0
	// ExitInvalidInput: the user's input is wrong; retrying cannot help.
	ExitInvalidInput = 65
	// ExitIncomplete: the index or verify stage found members or files missing in the store;
	// the earlier stage must run again.
	ExitIncomplete = 69
	// ExitStore: the store did not answer within the retry budget, or refuses writes; retried.
	ExitStore = 74
	// ExitCheckpointed: SIGTERM arrived, the state is in the store.
	ExitCheckpointed = 75
)

// Termination is what a pod writes as JSON into its termination message (at most 4,096 bytes).
type Termination struct {
	// Reason is a CamelCase word: Succeeded, InvalidInput, Incomplete, StoreUnavailable,
	// Checkpointed, Error.
	Reason string `json:"reason"`
	// Field names the spec field or file that is wrong, if any.
	Field string `json:"field,omitempty"`
	// Message says what happened and what to do.
	Message string `json:"message,omitempty"`
	// Result is set by the last stage (index, verify) when it succeeded.
	Result *Result `json:"result,omitempty"`
}

// Result summarises a finished artifact.
type Result struct {
	// ManifestDigest and ResultDigest are "sha256:...".
	ManifestDigest string          `json:"manifestDigest"`
	ResultDigest   string          `json:"resultDigest"`
	SizeBytes      int64           `json:"sizeBytes"`
	Zoo            *ZooResult      `json:"zoo,omitempty"`
	Dataset        *DatasetResult  `json:"dataset,omitempty"`
	Analysis       *AnalysisResult `json:"analysis,omitempty"`
}

// ZooResult summarises a trained population.
type ZooResult struct {
	Members  int `json:"members"`
	Diverged int `json:"diverged"`
	Epochs   int `json:"epochs"`
	// Architecture and Parameters are set for imported zoos, whose plan does not know them.
	Architecture string `json:"architecture,omitempty"`
	Parameters   int    `json:"parameters,omitempty"`
	// TestAccuracyMean and Std are over members that did not diverge, population form.
	TestAccuracyMean float64 `json:"testAccuracyMean"`
	TestAccuracyStd  float64 `json:"testAccuracyStd"`
	// Twins are summaries of sparse twins, at most 24.
	Twins []TwinResult `json:"twins,omitempty"`
}

// DatasetResult describes verified data; counts are after the limit.
type DatasetResult struct {
	Channels   int `json:"channels"`
	Height     int `json:"height"`
	Width      int `json:"width"`
	Classes    int `json:"classes"`
	Train      int `json:"train"`
	Validation int `json:"validation"`
	Test       int `json:"test"`
}
