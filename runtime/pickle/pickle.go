package pickle

import (
	"errors"
	"fmt"
)

// Options say what a pickle may hold and how large it may be. The zero value allows plain values only.
type Options struct {
	// Allow says whether a global may be named. Always allowed are what plain values are pickled
	// with: collections.OrderedDict, set, frozenset, bytearray, object, _codecs.encode and
	// copyreg._reconstructor.
	Allow func(module, name string) bool
	// Reduce turns a call of an allowed global into data, for a caller that knows the global; nil or
	// handled false makes an *Object.
	Reduce func(g Global, args Tuple) (v Value, handled bool, err error)
	// Persistent turns a persistent id into data; nil refuses persistent ids.
	Persistent func(id Value) (Value, error)
	// MaxOps bounds the opcodes, 0 for 64 million. Each makes at most a few small values.
	MaxOps int
	// MaxStack bounds the stack, 0 for 16 million.
	MaxStack int
}

const (
	defaultMaxOps   = 64 << 20
	defaultMaxStack = 16 << 20
	maxProtocol     = 5
	// maxLine bounds a text argument of protocol 0, maxDigits an integer's text, whose reading is
	// slower than linear.
	maxLine   = 1 << 20
	maxDigits = 4096
)

// Defects of a pickle. Errors of Decode wrap one of them.
var (
	ErrTruncated  = errors.New("pickle: it ends in the middle")
	ErrOpcode     = errors.New("pickle: unknown opcode")
	ErrProtocol   = errors.New("pickle: unknown protocol")
	ErrStack      = errors.New("pickle: the stack does not hold what an opcode takes")
	ErrMemo       = errors.New("pickle: nothing was stored under this memo number")
	ErrArgument   = errors.New("pickle: malformed argument")
	ErrType       = errors.New("pickle: an opcode does not apply to this type")
	ErrForeign    = errors.New("pickle: it names something that is not allowed here")
	ErrTooLarge   = errors.New("pickle: too large")
	ErrOutOfBand  = errors.New("pickle: its buffers are kept outside of it")
	ErrPersistent = errors.New("pickle: a persistent id")
)

// Error says where a pickle is wrong.
type Error struct {
	// Offset is the byte at which the opcode stands.
	Offset int
	// Kind is one of the package's errors.
	Kind error
	// Detail says more; "" for nothing.
	Detail string
	// Err is the cause given by Options.Reduce or Persistent.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Kind.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s (byte %d)", s, e.Offset)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Kind, e.Err}
	}
	return []error{e.Kind}
}

// ForeignError is an Error's cause where a global is refused.
type ForeignError struct{ Global Global }

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("global %q is on no list; nothing of it was run", e.Global.String())
}

// Decode reads the pickle at the start of b and returns its value and its length. Strings and bytes are
// copies. Errors are *Error.
func Decode(b []byte, o Options) (v Value, n int, err error) {
	if o.MaxOps == 0 {
		o.MaxOps = defaultMaxOps
	}
	if o.MaxStack == 0 {
		o.MaxStack = defaultMaxStack
	}
	m := &machine{b: b, o: &o}
	if err := m.run(); err != nil {
		return nil, m.op, m.located(err)
	}
	return m.stack[0], m.at, nil
}

// problem is an Error whose place the machine fills in.
func problem(kind error, format string, args ...any) error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

func (m *machine) located(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Offset = m.op
		return e
	}
	return &Error{Offset: m.op, Kind: err}
}
