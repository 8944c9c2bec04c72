// Package pickle reads Python's pickles, protocols 0 to 5, without running anything: the opcodes
// build plain values, and a global is either on the caller's list, where it becomes data, or an error. It
// is how checkpoints, data sets and settings that PyTorch, Ray and plain Python wrote are imported.
//
// Values are nil, bool, int64, *big.Int (integers beyond 64 bits), float64, string, []byte, Tuple, *List,
// *Dict, *Set, Global (an allowed name that was not called) and *Object (an instance of an allowed
// class, never built), and whatever Options.Reduce and Options.Persistent return.
//
// A pickle may hold the same value in many places and, through lists and dicts, itself: whoever walks
// a value must bound depth and count, as Walk does.
package pickle

import (
	"fmt"
	"math/big"
)

// Value is one of the types that the package comment lists.
type Value = any

// Tuple is a tuple.
type Tuple []Value

// List is a list.
type List struct{ Items []Value }

// Set is a set or frozenset, in the pickle's order, repeated items included.
type Set struct{ Items []Value }

// Global names a class or function of an allow-list.
type Global struct{ Module, Name string }

// String returns module.name.
func (g Global) String() string { return g.Module + "." + g.Name }

// Object is what a call of a class or function would have made: the name, the arguments, and the
// state set afterwards. Nothing was called.
type Object struct {
	Class Global
	Args  Tuple
	// Keywords are the keyword arguments; nil without.
	Keywords *Dict
	// State is what would go to __setstate__ or __dict__; nil without.
	State Value
	// Items are what was appended, Entries what was set by key; nil without.
	Items   *List
	Entries *Dict
}

// Field returns a field of the object's state: an entry of its dict (or of the second part of a
// (dict, slots) state).
func (o *Object) Field(name string) (Value, bool) {
	switch s := o.State.(type) {
	case *Dict:
		return s.Get(name)
	case Tuple:
		for _, part := range s {
			if d, ok := part.(*Dict); ok {
				if v, ok := d.Get(name); ok {
					return v, true
				}
			}
		}
	}
	return nil, false
}

// Dict is a dict or OrderedDict: entries in the order of their first insertion.
type Dict struct {
	keys, values []Value
	// index finds keys once there are more than a few.
	index map[Value]int
	// Attributes are what was set on the dict itself, as on a module's state_dict; nil without.
	Attributes Value
}

// indexFrom is the number of entries from which a dict is indexed.
const indexFrom = 12

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// At returns entry i.
func (d *Dict) At(i int) (key, value Value) { return d.keys[i], d.values[i] }

// Get finds the value of a key: a string, int64, bool, float64 or nil.
func (d *Dict) Get(key Value) (Value, bool) {
	if i := d.find(key); i >= 0 {
		return d.values[i], true
	}
	return nil, false
}

func (d *Dict) find(key Value) int {
	if !comparable(key) {
		return -1
	}
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range d.keys {
		if comparable(k) && k == key {
			return i
		}
	}
	return -1
}

// comparable says whether a key is compared by value here; tuples and others are only kept.
func comparable(key Value) bool {
	switch key.(type) {
	case nil, string, int64, bool, float64:
		return true
	}
	return false
}

func (d *Dict) set(key, value Value) {
	if i := d.find(key); i >= 0 {
		d.values[i] = value
		return
	}
	if d.index == nil && len(d.keys) >= indexFrom {
		d.index = make(map[Value]int, 2*indexFrom)
		for i, k := range d.keys {
			if comparable(k) {
				d.index[k] = i
			}
		}
	}
	if d.index != nil && comparable(key) {
		d.index[key] = len(d.keys)
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

// TypeName names a value's type as Python does, for messages.
func TypeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []byte:
		return "bytes"
	case Tuple:
		return "tuple"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case *Set:
		return "set"
	case Global:
		return v.String()
	case *Object:
		return v.Class.String()
	}
	return fmt.Sprintf("%T", v)
}

// Walk calls f for v and everything in it, parents first, to a depth; f returns false to leave out what
// is inside a value. It fails on deeper nesting and after limit values, which a pickle that refers to
// itself or repeats its parts reaches.
func Walk(v Value, depth, limit int, f func(Value) bool) error {
	w := &walker{left: limit, limit: limit, f: f}
	return w.walk(v, depth)
}

type walker struct {
	left, limit int
	f           func(Value) bool
}

func (w *walker) walk(v Value, depth int) error {
	if w.left--; w.left < 0 {
		return fmt.Errorf("pickle: more than %d values inside each other; it refers to itself or repeats its parts", w.limit)
	}
	if !w.f(v) {
		return nil
	}
	parts := inside(v)
	if len(parts) == 0 {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("pickle: values are nested too deeply, or inside themselves")
	}
	for _, list := range parts {
		for _, p := range list {
			if err := w.walk(p, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// inside lists what a value holds.
func inside(v Value) [][]Value {
	switch v := v.(type) {
	case Tuple:
		return [][]Value{v}
	case *List:
		return [][]Value{v.Items}
	case *Set:
		return [][]Value{v.Items}
	case *Dict:
		return [][]Value{v.keys, v.values}
	case *Object:
		parts := [][]Value{v.Args, {v.State}}
		if v.Items != nil {
			parts = append(parts, v.Items.Items)
		}
		for _, d := range []*Dict{v.Keywords, v.Entries} {
			if d != nil {
				parts = append(parts, d.keys, d.values)
			}
		}
		return parts
	}
	return nil
}
