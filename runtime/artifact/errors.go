package artifact

import (
	"errors"
	"fmt"
)

// Kinds of store errors; test for them with errors.Is. Each *Error wraps exactly one.
var (
	// ErrNotFound: there is no object (or no bucket) of that name.
	ErrNotFound = errors.New("not found")
	// ErrExists: the object is there already, with other content.
	ErrExists = errors.New("exists already with other content; nothing was overwritten")
	// ErrReadOnly: the store does not accept writes.
	ErrReadOnly = errors.New("the store is read-only; mount it writable or fix its permissions")
	// ErrFull: no space, quota or file-size allowance is left.
	ErrFull = errors.New("the store is full; free some space or raise the quota")
	// ErrUnavailable: the store did not answer within the retry budget.
	ErrUnavailable = errors.New("the store does not answer")
	// ErrDenied: the store refuses these credentials.
	ErrDenied = errors.New("the store denies access; check the credentials and their rights")
	// ErrSetup: the store's URL or this process's environment lacks something.
	ErrSetup = errors.New("the store is not set up completely; correct its URL or the environment")
	// ErrTooLarge: the object is larger than the reader accepts.
	ErrTooLarge = errors.New("larger than this reader accepts")
	// ErrPath: the path is not a clean relative path.
	ErrPath = errors.New("not a clean relative path")
	// ErrRange: the range reaches past the end of the object.
	ErrRange = errors.New("shorter than expected: it is truncated")
)

// Error says which operation on which path failed, and how.
type Error struct {
	// Store is the store's URL without secrets, empty where the store does not matter.
	Store string
	// Op is get, put, list, delete or stat.
	Op string
	// Path is below the store's root.
	Path string
	// Kind is one of the errors above.
	Kind error
	// Err is the cause, possibly nil.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Kind)
	if e.Store != "" {
		text = "store " + e.Store + ": " + text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
