package spec

// KindZooAnalysis studies a population.
const KindZooAnalysis = "ZooAnalysis"

// Stages of a ZooAnalysis.
const (
	// StageAnalyse runs the analyses, one in each shard.
	StageAnalyse = "analyse"
	// StageCollect gathers what they found and writes the manifest.
	StageCollect = "collect"
)

// Analyses, in the order of the shards of a plan that has them all.
const (
	AnalysisStatistics   = "statistics"
	AnalysisTrajectories = "trajectories"
	AnalysisSimilarity   = "similarity"
	AnalysisProbes       = "probes"
	AnalysisAveraging    = "averaging"
	AnalysisEmbedding    = "embedding"
)

// Analysis is the resolved spec of a ZooAnalysis: defaults are filled in, decimals keep their canonical text.
type Analysis struct {
	Zoo ZooInput `json:"zoo"`
	// Limit is the largest number of models, 0 for all; MinTestAccuracy is "" for none.
	Limit           int    `json:"limit,omitempty"`
	MinTestAccuracy string `json:"minTestAccuracy,omitempty"`
	// FromEpoch, ToEpoch and EpochStep select checkpoints; both ends are inclusive.
	FromEpoch int `json:"fromEpoch"`
	ToEpoch   int `json:"toEpoch"`
	EpochStep int `json:"epochStep"`
	// Parts names the analyses; shard i of stage analyse runs Parts[i].
	Parts []string `json:"parts"`

	Trajectories *Trajectories `json:"trajectories,omitempty"`
	Similarity   *Similarity   `json:"similarity,omitempty"`
	Probes       *Probes       `json:"probes,omitempty"`
	Averaging    *Averaging    `json:"averaging,omitempty"`
	Embedding    *Embedding    `json:"embedding,omitempty"`
}

// Trajectories are the settings of that analysis.
type Trajectories struct {
	Linkages       []string `json:"linkages"`
	ShuffleSeed    int64    `json:"shuffleSeed"`
	BaselineWindow int      `json:"baselineWindow"`
	Quantile       string   `json:"quantile"`
	Margin         string   `json:"margin"`
}

// Similarity are the settings of that analysis; 0 turns a part off.
type Similarity struct {
	// Agreement tells whether predictions are compared, on AgreementImages test images or, if 0, on all.
	Agreement       bool `json:"agreement,omitempty"`
	AgreementImages int  `json:"agreementImages,omitempty"`
	CKAImages       int  `json:"ckaImages,omitempty"`
	CKAPairs        int  `json:"ckaPairs,omitempty"`
	WeightPairs     int  `json:"weightPairs,omitempty"`
}

// Probes are the settings of that analysis.
type Probes struct {
	Features  []string `json:"features"`
	Targets   []string `json:"targets"`
	SplitSeed int64    `json:"splitSeed"`
}

// Averaging are the settings of that analysis.
type Averaging struct {
	Models int   `json:"models"`
	Soups  int   `json:"soups"`
	Epochs int   `json:"epochs"`
	Seed   int64 `json:"seed"`
}

// Embedding are the settings of that analysis.
type Embedding struct {
	Methods    []string `json:"methods"`
	Perplexity string   `json:"perplexity"`
	Points     int      `json:"points"`
}

// AnalysisResult summarises a finished analysis; a nil number was not asked for or does not exist.
type AnalysisResult struct {
	Models      int `json:"models"`
	Checkpoints int `json:"checkpoints"`
	// Separation is the least distance between trajectories over the longest step in one.
	Separation *float64 `json:"separation,omitempty"`
	// Kendall is the mean tau-b of recovered and true order.
	Kendall *float64 `json:"kendall,omitempty"`
	// ProbeR2 is that of test accuracy from s(W), on models held out.
	ProbeR2 *float64 `json:"probeR2,omitempty"`
	// Agreement is the mean over pairs.
	Agreement *float64 `json:"agreement,omitempty"`
}
