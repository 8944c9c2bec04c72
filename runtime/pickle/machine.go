package pickle

import (
	"math/big"
	"strings"
)

// machine is the stack machine that a pickle is a program of. Everything it makes is paid for by
// bytes that are really there: an opcode takes at least one and makes a bounded value.
type machine struct {
	b  []byte
	o  *Options
	at int
	// op is where the current opcode stands.
	op    int
	stack []Value
	// marks are stack heights.
	marks []int
	// memo holds small numbers, which every pickler gives out in order; far those beyond.
	memo []memoCell
	far  map[uint64]Value
	// next is the number that MEMOIZE gives.
	next uint64
	// copied counts what conversions of plain values copied.
	copied int
}

// copyFactor and copyFree bound copied by the input's length: an honest pickle converts each value once.
const (
	copyFactor = 4
	copyFree   = 64 << 10
)

type memoCell struct {
	v   Value
	set bool
}

// run executes opcodes until STOP.
func (m *machine) run() error {
	for range m.o.MaxOps {
		m.op = m.at
		c, err := m.byte()
		if err != nil {
			return err
		}
		if c == opStop {
			if len(m.stack) != 1 || len(m.marks) != 0 {
				return problem(ErrStack, "%d values and %d marks at the end", len(m.stack), len(m.marks))
			}
			return nil
		}
		if err := m.step(c); err != nil {
			return err
		}
		if len(m.stack) > m.o.MaxStack {
			return problem(ErrTooLarge, "more than %d values on the stack", m.o.MaxStack)
		}
	}
	m.op = m.at
	return problem(ErrTooLarge, "more than %d opcodes", m.o.MaxOps)
}

func (m *machine) byte() (byte, error) {
	if m.at >= len(m.b) {
		return 0, ErrTruncated
	}
	m.at++
	return m.b[m.at-1], nil
}

// take returns the next n bytes of the input.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.b)-m.at) {
		return nil, problem(ErrTruncated, "%d bytes are announced, %d are there", n, len(m.b)-m.at)
	}
	b := m.b[m.at : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

// number reads a little-endian unsigned number of n bytes.
func (m *machine) number(n int) (uint64, error) {
	b, err := m.take(uint64(n))
	if err != nil {
		return 0, err
	}
	v := uint64(0)
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, nil
}

// counted reads a length of n bytes and then so many bytes.
func (m *machine) counted(n int) ([]byte, error) {
	size, err := m.number(n)
	if err != nil {
		return nil, err
	}
	return m.take(size)
}

// line reads up to a newline, which protocol 0 ends its arguments with.
func (m *machine) line() (string, error) {
	rest := m.b[m.at:]
	end := -1
	for i := range rest[:min(len(rest), maxLine)] {
		if rest[i] == '\n' {
			end = i
			break
		}
	}
	if end < 0 {
		if len(rest) >= maxLine {
			return "", problem(ErrTooLarge, "a line of more than %d bytes", maxLine)
		}
		return "", ErrTruncated
	}
	m.at += end + 1
	return strings.TrimSuffix(string(rest[:end]), "\r"), nil
}

func (m *machine) push(v Value) { m.stack = append(m.stack, v) }

// base is the height below which the values since the last mark do not reach.
func (m *machine) base() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (Value, error) {
	n := len(m.stack)
	if n <= m.base() {
		return nil, ErrStack
	}
	v := m.stack[n-1]
	m.stack[n-1] = nil
	m.stack = m.stack[:n-1]
	return v, nil
}

// popN pops n values, which stay valid until the next push.
func (m *machine) popN(n int) ([]Value, error) {
	h := len(m.stack) - n
	if h < m.base() {
		return nil, ErrStack
	}
	v := m.stack[h:]
	m.stack = m.stack[:h]
	return v, nil
}

// popMark pops everything since the last mark; the values stay valid until the next push.
func (m *machine) popMark() ([]Value, error) {
	if len(m.marks) == 0 {
		return nil, problem(ErrStack, "there is no mark")
	}
	h := m.base()
	m.marks = m.marks[:len(m.marks)-1]
	v := m.stack[h:]
	m.stack = m.stack[:h]
	return v, nil
}

func (m *machine) top() (Value, error) {
	if len(m.stack) <= m.base() {
		return nil, ErrStack
	}
	return m.stack[len(m.stack)-1], nil
}

// put stores the value on top of the stack.
func (m *machine) put(i uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	switch {
	case i < uint64(len(m.memo)):
		m.memo[i] = memoCell{v, true}
	case i == uint64(len(m.memo)):
		m.memo = append(m.memo, memoCell{v, true})
	case i == uint64(len(m.memo))+1: // Python's own C pickler starts at 0, its Python twin and others at 1
		m.memo = append(m.memo, memoCell{}, memoCell{v, true})
	default:
		if m.far == nil {
			m.far = map[uint64]Value{}
		}
		m.far[i] = v
	}
	m.next++
	return nil
}

func (m *machine) get(i uint64) error {
	if i < uint64(len(m.memo)) && m.memo[i].set {
		m.push(m.memo[i].v)
		return nil
	}
	if v, ok := m.far[i]; ok {
		m.push(v)
		return nil
	}
	return problem(ErrMemo, "%d", i)
}

// integer keeps an integer in 64 bits where it fits.
func integer(v *big.Int) Value {
	if v.IsInt64() {
		return v.Int64()
	}
	return v
}

// littleEndian reads a two's complement integer.
func littleEndian(b []byte) Value {
	if len(b) <= 8 {
		v := uint64(0)
		for i := len(b) - 1; i >= 0; i-- {
			v = v<<8 | uint64(b[i])
		}
		if len(b) > 0 && len(b) < 8 && b[len(b)-1] >= 0x80 {
			v |= ^uint64(0) << (8 * len(b))
		}
		return int64(v)
	}
	reversed := make([]byte, len(b))
	for i, c := range b {
		reversed[len(b)-1-i] = c
	}
	v := new(big.Int).SetBytes(reversed)
	if b[len(b)-1] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return integer(v)
}
