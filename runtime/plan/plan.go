// Package plan turns the spec of a custom resource into a frozen Snapshot. It is pure:
// no clock, no network, no store. Controllers and the command line share it; it links no kernel:
// architectures are recorded (package nn), never run.
package plan

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// MaxMembers is the largest population one ModelZoo may have.
const MaxMembers = 100_000

// FieldError says which field of a spec cannot be planned, why, and what to do.
type FieldError struct {
	// Field is a path such as spec.population.grid.learningRate[1].
	Field string
	// Problem says what is wrong, with the value.
	Problem string
	// Remedy says what to do.
	Remedy string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: %s; %s", e.Field, e.Problem, e.Remedy)
}

// Inputs are the resolved facts a plan may use beside the spec.
type Inputs struct {
	// Namespace and Name of the object.
	Namespace, Name string
	// StoreURL is the ArtifactStore's URL.
	StoreURL string
	// Dataset is the upstream data set's artifact (ModelZoo only).
	Dataset *spec.DatasetInput
	// Zoo is the upstream zoo's artifact (ZooAnalysis, and a ModelZoo that continues another).
	Zoo *spec.ZooInput
	// ZooPlan is the plan of Zoo (a ModelZoo that continues another): who its members are.
	ZooPlan *spec.Zoo
}
