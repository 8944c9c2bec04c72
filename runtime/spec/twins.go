package spec

// Stages of sparse twins.
const (
	// StageTwins makes the sparse twins of the members of a ModelZoo.
	StageTwins = "twins"
	// StageMatch makes the twins that are pruned to the sparsity of others.
	StageMatch = "match"
)

// Methods, scopes and schedules of twins, as in manifests.
const (
	TwinMagnitude          = "magnitude"
	TwinRandom             = "random"
	TwinVariationalDropout = "variationalDropout"
	PruningGlobal          = "global"
	PruningLayer           = "layer"
	PruningOneShot         = "oneShot"
	PruningIterative       = "iterative"
	PruningCubic           = "cubic"
	KLLinear               = "linear"
	KLConstant             = "constant"
)

// TwinSet is twins of every member of a zoo by one method, resolved: defaults are filled in, decimals are canonical. A member has a
// twin for every sparsity, for a match one, by variational dropout one.
type TwinSet struct {
	// Name is the user's; it changes no result.
	Name   string `json:"name"`
	Method string `json:"method"`
	// FromEpoch is the epoch whose weights twins start from, Epochs how long they train.
	FromEpoch int `json:"fromEpoch"`
	Epochs    int `json:"epochs"`
	// Sparsity are the shares to drop. Match, instead, is 1 + the position of the set of twins that are matched.
	Sparsity []string `json:"sparsity,omitempty"`
	Match    int      `json:"match,omitempty"`
	// Layer prunes tensor by tensor, Bias prunes biases too.
	Layer bool `json:"layer,omitempty"`
	Bias  bool `json:"bias,omitempty"`
	// Schedule is PruningOneShot, PruningIterative or PruningCubic; Start, Rounds and Every are its steps, Initial where cubic starts.
	Schedule string `json:"schedule,omitempty"`
	Start    int    `json:"start,omitempty"`
	Rounds   int    `json:"rounds,omitempty"`
	Every    int    `json:"every,omitempty"`
	Initial  string `json:"initial,omitempty"`
	// Variational is set by variational dropout only.
	Variational *Variational `json:"variational,omitempty"`
}

// States is the number of twins of a member.
func (t *TwinSet) States() int { return max(1, len(t.Sparsity)) }

// Variational is the settings of sparse variational dropout.
type Variational struct {
	// KL is KLLinear or KLConstant, Max the largest weight of the KL divergence.
	KL  string `json:"kl"`
	Max string `json:"max"`
	// Threshold is the log alpha above which weights are dropped, Init every log variance before training.
	Threshold string `json:"threshold"`
	Init      string `json:"init"`
	// ClampLinear and ClampConv bound log alpha.
	ClampLinear string `json:"clampLinear"`
	ClampConv   string `json:"clampConv"`
	// PlainBias leaves biases of convolutions without variances.
	PlainBias bool `json:"plainBias,omitempty"`
	// Rate is the learning rate of log variances, "" for the member's.
	Rate string `json:"rate,omitempty"`
}

// Twin is one sparse twin.
type Twin struct {
	// ID is the twin's identity, 32 hexadecimal digits: a hash of its parent's, the epoch and everything that determines its trajectory.
	ID     string
	Parent Member
	// Set is the position of its TwinSet, State which of its sparsities it has.
	Set, State int
	// Match is the ID of the twin of the same parent whose sparsity it has, "" for none.
	Match string
}

// TwinResult sums up twins of one set and sparsity in a termination message.
type TwinResult struct {
	Name   string `json:"name"`
	Method string `json:"method"`
	Twins  int    `json:"twins"`
	// Means over the twins that did not diverge and whose parents did not; numbers have six digits.
	Sparsity         float64 `json:"sparsity"`
	TestAccuracyMean float64 `json:"accuracy"`
	TestAccuracyStd  float64 `json:"accuracyStd"`
	Agreement        float64 `json:"agreement"`
}
