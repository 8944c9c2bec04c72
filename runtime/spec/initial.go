package spec

// ObjectiveContrastive is the Objective of a zoo that learns from pairs of views; "" is the cross-entropy with labels.
const ObjectiveContrastive = "contrastive"

// Heads that replace the last layer of a zoo that continues another's models.
const (
	HeadLinear = "linear"
	HeadMLP    = "mlp"
)

// InitialWeights says which models a zoo's members continue, resolved: each point of the population exists once for each of Models.
type InitialWeights struct {
	Zoo ZooInput `json:"zoo"`
	// Epoch is the checkpoint's.
	Epoch int `json:"epoch"`
	// Head is HeadLinear, or HeadMLP with Hidden features between its layers.
	Head   string `json:"head"`
	Hidden int    `json:"hidden,omitempty"`
	// Models are the modelIDs to continue, in the order of Zoo's members.
	Models []string `json:"models"`
}
