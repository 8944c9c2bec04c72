package pickle

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Opcodes, named as in Python's pickle.py.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opFloat          = 'F'
	opInt            = 'I'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opLong           = 'L'
	opBinInt2        = 'M'
	opNone           = 'N'
	opPersID         = 'P'
	opBinPersID      = 'Q'
	opReduce         = 'R'
	opString         = 'S'
	opBinString      = 'T'
	opShortBinString = 'U'
	opUnicode        = 'V'
	opBinUnicode     = 'X'
	opAppend         = 'a'
	opBuild          = 'b'
	opGlobal         = 'c'
	opDict           = 'd'
	opEmptyDict      = '}'
	opAppends        = 'e'
	opGet            = 'g'
	opBinGet         = 'h'
	opInst           = 'i'
	opLongBinGet     = 'j'
	opList           = 'l'
	opEmptyList      = ']'
	opObj            = 'o'
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opSetItem        = 's'
	opTuple          = 't'
	opEmptyTuple     = ')'
	opSetItems       = 'u'
	opBinFloat       = 'G'

	opProto    = 0x80
	opNewObj   = 0x81
	opExt1     = 0x82
	opExt2     = 0x83
	opExt4     = 0x84
	opTuple1   = 0x85
	opTuple2   = 0x86
	opTuple3   = 0x87
	opNewTrue  = 0x88
	opNewFalse = 0x89
	opLong1    = 0x8a
	opLong4    = 0x8b

	opBinBytes      = 'B'
	opShortBinBytes = 'C'

	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
	opByteArray8      = 0x96
	opNextBuffer      = 0x97
	opReadOnlyBuffer  = 0x98
)

// step executes one opcode.
func (m *machine) step(c byte) error {
	switch c {
	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opNone:
		m.push(nil)
	case opNewTrue:
		m.push(true)
	case opNewFalse:
		m.push(false)
	case opEmptyTuple:
		m.push(Tuple{})
	case opEmptyList:
		m.push(&List{})
	case opEmptyDict:
		m.push(&Dict{})
	case opEmptySet:
		m.push(&Set{})
	case opBinInt, opBinInt1, opBinInt2, opLong1, opLong4, opInt, opLong, opFloat, opBinFloat:
		return m.numeral(c)
	case opBinUnicode, opShortBinUnicode, opBinUnicode8, opUnicode, opString, opBinString, opShortBinString:
		return m.text(c)
	case opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		b, err := m.counted(width(c))
		m.push(append([]byte{}, b...))
		return err
	case opTuple, opTuple1, opTuple2, opTuple3, opList, opDict, opFrozenSet, opAppend, opAppends, opSetItem, opSetItems, opAddItems:
		return m.container(c)
	case opPut, opBinPut, opLongBinPut, opMemoize, opGet, opBinGet, opLongBinGet:
		return m.memory(c)
	case opGlobal, opStackGlobal, opInst, opObj, opReduce, opNewObj, opNewObjEx, opBuild, opPersID, opBinPersID:
		return m.object(c)
	default:
		return m.other(c)
	}
	return nil
}

func (m *machine) other(c byte) error {
	switch c {
	case opPop:
		// POP takes a mark away when nothing is above it.
		if len(m.stack) == m.base() && len(m.marks) > 0 {
			m.marks = m.marks[:len(m.marks)-1]
			return nil
		}
		_, err := m.pop()
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.top()
		m.push(v)
		return err
	case opProto:
		v, err := m.byte()
		if err == nil && v > maxProtocol {
			return problem(ErrProtocol, "%d, at most %d is read", v, maxProtocol)
		}
		return err
	case opFrame:
		n, err := m.number(8)
		if err == nil && n > uint64(len(m.b)-m.at) {
			return problem(ErrTruncated, "a frame of %d bytes, %d are there", n, len(m.b)-m.at)
		}
		return err
	case opNextBuffer, opReadOnlyBuffer:
		return ErrOutOfBand
	case opExt1, opExt2, opExt4:
		return problem(ErrForeign, "an entry of copyreg's extension registry")
	}
	return problem(ErrOpcode, "0x%02x", c)
}

func (m *machine) numeral(c byte) error {
	switch c {
	case opBinInt:
		v, err := m.number(4)
		m.push(int64(int32(uint32(v))))
		return err
	case opBinInt1:
		v, err := m.byte()
		m.push(int64(v))
		return err
	case opBinInt2:
		v, err := m.number(2)
		m.push(int64(v))
		return err
	case opLong1, opLong4:
		b, err := m.counted(width(c))
		if err == nil && len(b) > maxDigits {
			return problem(ErrTooLarge, "an integer of %d bytes", len(b))
		}
		m.push(littleEndian(b))
		return err
	case opBinFloat:
		b, err := m.take(8)
		if err != nil {
			return err
		}
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		return nil
	}
	line, err := m.line()
	if err != nil {
		return err
	}
	if c == opFloat {
		v, err := strconv.ParseFloat(line, 64)
		if err != nil && !strings.Contains(err.Error(), strconv.ErrRange.Error()) {
			return problem(ErrArgument, "%.40q is no float", line)
		}
		m.push(v)
		return nil
	}
	// Protocol 0 and 1 write booleans as the integers 00 and 01.
	if c == opInt && (line == "00" || line == "01") {
		m.push(line == "01")
		return nil
	}
	if len(line) > maxDigits {
		return problem(ErrTooLarge, "an integer of %d digits", len(line))
	}
	v, ok := new(big.Int).SetString(strings.TrimSuffix(line, "L"), 10)
	if !ok {
		return problem(ErrArgument, "%.40q is no integer", line)
	}
	m.push(integer(v))
	return nil
}

func (m *machine) text(c byte) error {
	switch c {
	case opBinUnicode, opShortBinUnicode, opBinUnicode8:
		b, err := m.counted(width(c))
		if err != nil {
			return err
		}
		m.push(string(b)) // surrogates, which Python may write, stay as their three bytes
		return nil
	case opBinString, opShortBinString:
		// Python 2's str: text where it is UTF-8, bytes otherwise.
		b, err := m.counted(width(c))
		if err != nil {
			return err
		}
		m.pushText(string(b))
		return nil
	}
	line, err := m.line()
	if err != nil {
		return err
	}
	if c == opUnicode {
		s, err := rawUnicode(line)
		m.push(s)
		return err
	}
	s, err := quoted(line)
	m.pushText(s)
	return err
}

func (m *machine) pushText(s string) {
	if utf8.ValidString(s) {
		m.push(s)
		return
	}
	m.push([]byte(s))
}

// rawUnicode undoes Python's raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX.
func rawUnicode(line string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		n := 0
		if line[i] == '\\' && i+1 < len(line) {
			n = escapeDigits(line[i+1])
		}
		if n == 0 {
			b.WriteRune(rune(line[i]))
			continue
		}
		if i+2+n > len(line) {
			return "", problem(ErrArgument, "an escape is cut off")
		}
		v, err := strconv.ParseUint(line[i+2:i+2+n], 16, 32)
		if err != nil || v > utf8.MaxRune {
			return "", problem(ErrArgument, "\\%s is no character", line[i+1:i+2+n])
		}
		b.WriteRune(rune(v))
		i += 1 + n
	}
	return b.String(), nil
}

// quoted undoes Python 2's repr of a str.
func quoted(line string) (string, error) {
	if len(line) < 2 || line[0] != line[len(line)-1] || (line[0] != '\'' && line[0] != '"') {
		return "", problem(ErrArgument, "%.40q is no string in quotes", line)
	}
	rest := line[1 : len(line)-1]
	var b []byte
	for rest != "" {
		if rest[0] != '\\' {
			b, rest = append(b, rest[0]), rest[1:]
			continue
		}
		if len(rest) >= 2 && rest[1] == '\n' || len(rest) < 2 {
			return "", problem(ErrArgument, "an escape is cut off")
		}
		if rest[1] == '\'' || rest[1] == '"' {
			b, rest = append(b, rest[1]), rest[2:]
			continue
		}
		v, _, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil || v > 0xff {
			return "", problem(ErrArgument, "%.10q is no escape of a byte", rest)
		}
		b, rest = append(b, byte(v)), tail
	}
	return string(b), nil
}

func escapeDigits(c byte) int {
	switch c {
	case 'u':
		return 4
	case 'U':
		return 8
	}
	return 0
}

// width is the number of bytes of an opcode's number or length.
func width(c byte) int {
	switch c {
	case opBinBytes8, opByteArray8, opBinUnicode8:
		return 8
	case opBinBytes, opLong4, opBinUnicode, opBinString, opLongBinPut, opLongBinGet:
		return 4
	}
	return 1
}

// memory executes the opcodes of the memo.
func (m *machine) memory(c byte) error {
	var i uint64
	var err error
	switch c {
	case opMemoize:
		return m.put(m.next)
	case opPut, opGet:
		line, lerr := m.line()
		if lerr != nil {
			return lerr
		}
		if i, err = strconv.ParseUint(line, 10, 63); err != nil {
			return problem(ErrArgument, "%.40q is no memo number", line)
		}
	default:
		i, err = m.number(width(c))
		if err != nil {
			return err
		}
	}
	if c == opGet || c == opBinGet || c == opLongBinGet {
		return m.get(i)
	}
	return m.put(i)
}
