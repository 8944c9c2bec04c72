package pickle

// container executes the opcodes that build and fill containers.
func (m *machine) container(c byte) error {
	switch c {
	case opTuple1, opTuple2, opTuple3:
		v, err := m.popN(int(c-opTuple1) + 1)
		if err != nil {
			return err
		}
		m.push(append(Tuple{}, v...))
		return nil
	case opAppend, opSetItem:
		n := 1
		if c == opSetItem {
			n = 2
		}
		v, err := m.popN(n)
		if err != nil {
			return err
		}
		return m.fill(c, v)
	}
	v, err := m.popMark()
	if err != nil {
		return err
	}
	switch c {
	case opTuple:
		m.push(append(Tuple{}, v...))
	case opList:
		m.push(&List{append([]Value{}, v...)})
	case opFrozenSet:
		m.push(&Set{append([]Value{}, v...)})
	case opDict:
		d := &Dict{}
		if err := d.setAll(v); err != nil {
			return err
		}
		m.push(d)
	default:
		return m.fill(c, v)
	}
	return nil
}

// fill puts values into the container on top of the stack.
func (m *machine) fill(c byte, v []Value) error {
	t, err := m.top()
	if err != nil {
		return err
	}
	switch c {
	case opAppend, opAppends:
		switch t := t.(type) {
		case *List:
			t.Items = append(t.Items, v...)
			return nil
		case *Object:
			if t.Items == nil {
				t.Items = &List{}
			}
			t.Items.Items = append(t.Items.Items, v...)
			return nil
		}
	case opSetItem, opSetItems:
		switch t := t.(type) {
		case *Dict:
			return t.setAll(v)
		case *Object:
			if t.Entries == nil {
				t.Entries = &Dict{}
			}
			return t.Entries.setAll(v)
		}
	case opAddItems:
		if t, ok := t.(*Set); ok {
			t.Items = append(t.Items, v...)
			return nil
		}
	}
	return problem(ErrType, "opcode %q on a %s", c, TypeName(t))
}

// setAll sets key, value, key, value...
func (d *Dict) setAll(v []Value) error {
	if len(v)%2 != 0 {
		return problem(ErrStack, "a dict's last key has no value")
	}
	for i := 0; i < len(v); i += 2 {
		d.set(v[i], v[i+1])
	}
	return nil
}

// object executes the opcodes that name and make objects.
func (m *machine) object(c byte) error {
	switch c {
	case opGlobal:
		return m.global()
	case opStackGlobal:
		v, err := m.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := v[0].(string)
		name, ok2 := v[1].(string)
		if !ok1 || !ok2 {
			return problem(ErrType, "a global is named by %s and %s", TypeName(v[0]), TypeName(v[1]))
		}
		return m.name(module, name)
	case opInst:
		if err := m.global(); err != nil {
			return err
		}
		class, err := m.pop()
		if err != nil {
			return err
		}
		args, err := m.popMark()
		if err != nil {
			return err
		}
		return m.call(class, append(Tuple{}, args...), nil)
	case opObj:
		v, err := m.popMark()
		if err != nil {
			return err
		}
		if len(v) == 0 {
			return problem(ErrStack, "an object without its class")
		}
		return m.call(v[0], append(Tuple{}, v[1:]...), nil)
	case opReduce, opNewObj:
		return m.callN(2)
	case opNewObjEx:
		return m.callN(3)
	case opBuild:
		return m.build()
	}
	return m.persistent(c)
}

// callN pops a callable, its arguments and with n = 3 its keyword arguments.
func (m *machine) callN(n int) error {
	v, err := m.popN(n)
	if err != nil {
		return err
	}
	args, ok := v[1].(Tuple)
	if !ok {
		return problem(ErrType, "the arguments of %s are a %s", TypeName(v[0]), TypeName(v[1]))
	}
	var keywords *Dict
	if n == 3 {
		if keywords, ok = v[2].(*Dict); !ok {
			return problem(ErrType, "the keyword arguments of %s are a %s", TypeName(v[0]), TypeName(v[2]))
		}
	}
	return m.call(v[0], args, keywords)
}

func (m *machine) global() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	return m.name(module, name)
}

// name pushes a global that is allowed.
func (m *machine) name(module, name string) error {
	g := Global{module, name}
	if _, plain := builtin[g]; !plain && (m.o.Allow == nil || !m.o.Allow(module, name)) {
		return &Error{Kind: ErrForeign, Err: &ForeignError{g}}
	}
	m.push(g)
	return nil
}

// builtin are the globals that plain values are pickled with.
var builtin = map[Global]func(args Tuple) (Value, bool){
	{"collections", "OrderedDict"}: orderedDict,
	{"builtins", "set"}:            set,
	{"__builtin__", "set"}:         set,
	{"builtins", "frozenset"}:      set,
	{"__builtin__", "frozenset"}:   set,
	{"builtins", "bytearray"}:      bytesOf,
	{"__builtin__", "bytearray"}:   bytesOf,
	{"__builtin__", "bytes"}:       bytesOf,
	{"_codecs", "encode"}:          encode,
	{"copy_reg", "_reconstructor"}: reconstruct,
	{"copyreg", "_reconstructor"}:  reconstruct,
	{"builtins", "object"}:         nil,
	{"__builtin__", "object"}:      nil,
}

// call makes what a call would have made.
func (m *machine) call(callee Value, args Tuple, keywords *Dict) error {
	g, ok := callee.(Global)
	if !ok {
		return problem(ErrType, "a call of a %s", TypeName(callee))
	}
	if convert := builtin[g]; convert != nil && keywords == nil {
		if err := m.charge(args); err != nil {
			return err
		}
		v, ok := convert(args)
		if !ok {
			return problem(ErrArgument, "%s with %d arguments of other types", g, len(args))
		}
		m.push(v)
		return nil
	}
	if m.o.Reduce != nil && keywords == nil {
		v, handled, err := m.o.Reduce(g, args)
		if err != nil {
			return &Error{Kind: ErrArgument, Detail: g.String(), Err: err}
		}
		if handled {
			m.push(v)
			return nil
		}
	}
	m.push(&Object{Class: g, Args: args, Keywords: keywords})
	return nil
}

// charge bounds what conversions copy: a value that the memo repeats could be copied by a few bytes each time.
func (m *machine) charge(args Tuple) error {
	for _, a := range args {
		switch a := a.(type) {
		case string:
			m.copied += len(a)
		case []byte:
			m.copied += len(a)
		case Tuple:
			m.copied += len(a)
		case *List:
			m.copied += len(a.Items)
		}
	}
	if m.copied > copyFactor*len(m.b)+copyFree {
		return problem(ErrTooLarge, "the same values are converted again and again")
	}
	return nil
}

func orderedDict(args Tuple) (Value, bool) {
	d := &Dict{}
	if len(args) == 0 {
		return d, true
	}
	pairs, ok := items(args)
	for _, p := range pairs {
		kv, good := pair(p)
		if !good {
			return nil, false
		}
		d.set(kv[0], kv[1])
	}
	return d, ok
}

// items are those of the only argument, a list or tuple.
func items(args Tuple) ([]Value, bool) {
	if len(args) != 1 {
		return nil, false
	}
	switch v := args[0].(type) {
	case *List:
		return v.Items, true
	case Tuple:
		return v, true
	}
	return nil, false
}

func pair(v Value) ([]Value, bool) {
	kv, ok := items(Tuple{v})
	return kv, ok && len(kv) == 2
}

func set(args Tuple) (Value, bool) {
	if len(args) == 0 {
		return &Set{}, true
	}
	v, ok := items(args)
	return &Set{append([]Value{}, v...)}, ok
}

func bytesOf(args Tuple) (Value, bool) {
	if len(args) == 0 {
		return []byte{}, true
	}
	switch v := args[0].(type) {
	case []byte:
		return v, len(args) == 1
	case string:
		return encode(args)
	}
	return nil, false
}

// encode turns text of Latin-1 into bytes, which is how protocols below 3 keep bytes.
func encode(args Tuple) (Value, bool) {
	if len(args) != 2 || (args[1] != "latin1" && args[1] != "latin-1") {
		return nil, false
	}
	s, ok := args[0].(string)
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, ok
}

// reconstruct is how protocols 0 and 1 make instances: class, base class, the base's value.
func reconstruct(args Tuple) (Value, bool) {
	if len(args) != 3 {
		return nil, false
	}
	class, ok := args[0].(Global)
	return &Object{Class: class}, ok
}

// build sets the state of the object below it.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	t, err := m.top()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case *Object:
		t.State = state
	case *Dict:
		t.Attributes = state
	case interface{ SetState(Value) error }:
		if err := t.SetState(state); err != nil {
			return &Error{Kind: ErrArgument, Err: err}
		}
	default:
		return problem(ErrType, "state for a %s", TypeName(t))
	}
	return nil
}

func (m *machine) persistent(c byte) error {
	var id Value
	var err error
	if c == opPersID {
		id, err = m.line()
	} else {
		id, err = m.pop()
	}
	if err != nil {
		return err
	}
	if m.o.Persistent == nil {
		return problem(ErrPersistent, "nothing here knows what it stands for")
	}
	v, err := m.o.Persistent(id)
	if err != nil {
		return &Error{Kind: ErrPersistent, Err: err}
	}
	m.push(v)
	return nil
}
