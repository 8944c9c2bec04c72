package program

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// InputError says which field or file of the user is wrong, how, and what to do. Retrying
// cannot help.
type InputError struct {
	// Field is a path such as spec.files[trainImages].sha256, or a file's name.
	Field string
	// Problem says what is wrong, with the value.
	Problem string
	// Remedy says what to do.
	Remedy string
	// Err is the cause, if there is one.
	Err error
}

// Error implements error: field, problem, remedy.
func (e *InputError) Error() string {
	return fmt.Sprintf("%s: %s; %s", e.Field, e.Problem, e.Remedy)
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// IncompleteError says that the store lacks work of an earlier stage, which must run again.
type IncompleteError struct {
	// What is missing, such as "members".
	What string
	// Missing counts what is missing, Total what the plan asks for.
	Missing, Total int
	// Sample names a few.
	Sample []string
}

// Error implements error.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%d of %d %s are not in the store (%s); run the earlier stage again", e.Missing, e.Total, e.What, strings.Join(e.Sample, ", "))
}

// ErrCheckpointed is returned when the context ended and the state was put into the store:
// running again continues where it stopped.
var ErrCheckpointed = errors.New("stopped on request, state kept; run again to continue")

// ExitCode returns the exit code of `weightspace task` for an error of Run.
func ExitCode(err error) int {
	var input *InputError
	var field *plan.FieldError
	var incomplete *IncompleteError
	switch {
	case err == nil:
		return spec.ExitOK
	case errors.As(err, &input), errors.As(err, &field):
		return spec.ExitInvalidInput
	case errors.As(err, &incomplete):
		return spec.ExitIncomplete
	case errors.Is(err, ErrCheckpointed), errors.Is(err, context.Canceled):
		// Cancelled between two checkpoints: what is in the store is consistent.
		return spec.ExitCheckpointed
	case isStoreError(err):
		return spec.ExitStore
	}
	return 1
}

// Termination turns the outcome of Run into the pod's termination message.
func Termination(result *spec.Result, err error) spec.Termination {
	t := spec.Termination{Reason: "Succeeded", Result: result}
	if err == nil {
		return t
	}
	t = spec.Termination{Reason: "Error", Message: err.Error()}
	switch ExitCode(err) {
	case spec.ExitInvalidInput:
		t.Reason = "InvalidInput"
		t.Field = fieldOf(err)
	case spec.ExitIncomplete:
		t.Reason = "Incomplete"
	case spec.ExitStore:
		t.Reason = "StoreUnavailable"
	case spec.ExitCheckpointed:
		t.Reason = "Checkpointed"
	}
	return t
}

func fieldOf(err error) string {
	var input *InputError
	var field *plan.FieldError
	switch {
	case errors.As(err, &input):
		return input.Field
	case errors.As(err, &field):
		return field.Field
	}
	return ""
}

// isStoreError says whether the store did not answer, refuses us or refuses writes.
func isStoreError(err error) bool {
	return errors.Is(err, artifact.ErrUnavailable) || errors.Is(err, artifact.ErrReadOnly) || errors.Is(err, artifact.ErrFull) ||
		errors.Is(err, artifact.ErrDenied) || errors.Is(err, artifact.ErrSetup)
}
