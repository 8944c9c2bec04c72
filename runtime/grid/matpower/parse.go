package matpower

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// MaxBytes bounds a case file. The largest public case has about 30 MB.
const MaxBytes = 128 << 20

// matrix is a numeric block of a case, with the line of each row.
type matrix struct {
	line int
	rows [][]float64
	at   []int
}

// parser reads the statements of a case file.
type parser struct {
	file   string
	s      scanner
	t      token
	lax    bool
	v      map[string]any // mpc.x: float64, string, *matrix or []string (texts of a cell)
	warn   []string
	caseID string
}

func (p *parser) fail(line int, format string, a ...any) error {
	return &Error{File: p.file, Line: line, Problem: fmt.Sprintf(format, a...)}
}

func (p *parser) advance() error {
	var err error
	p.t, err = p.s.next()
	var e *Error
	if errors.As(err, &e) {
		e.File = p.file
	}
	return err
}

// statements reads all of the file.
func (p *parser) statements() error {
	if err := p.advance(); err != nil {
		return err
	}
	for p.t.kind != end {
		if p.t.kind == newline || p.t.kind == ';' || p.t.kind == ',' {
			if err := p.advance(); err != nil {
				return err
			}
			continue
		}
		if err := p.statement(); err != nil {
			return err
		}
	}
	return nil
}

// statement is "function mpc = name", "mpc.field = value", or code.
func (p *parser) statement() error {
	first := p.t
	if err := p.advance(); err != nil {
		return err
	}
	switch field, isField := strings.CutPrefix(first.text, "mpc."); {
	case first.kind == name && first.text == "function":
		return p.function(first.line)
	case first.kind == name && isField && p.t.kind == '=':
		if _, twice := p.v[field]; twice {
			return p.fail(first.line, "mpc.%s is there twice", field)
		}
		return p.assign(field)
	case first.kind == name && (first.text == "end" || first.text == "return") && p.ends():
		return nil
	case !p.lax:
		return p.fail(first.line, "%.60q starts a statement that is not data (mpc.name = value): code in case files is not run; write its result into the file, or allow skipping code", first.text)
	default:
		p.warn = append(p.warn, fmt.Sprintf("line %d: a statement that is not data was skipped", first.line))
		return p.skipStatement()
	}
}

func (p *parser) ends() bool {
	return p.t.kind == end || p.t.kind == newline || p.t.kind == ';' || p.t.kind == ','
}

func (p *parser) function(line int) error {
	var words []token
	for p.t.kind != newline && p.t.kind != end && p.t.kind != ';' {
		words = append(words, p.t)
		if err := p.advance(); err != nil {
			return err
		}
	}
	if len(words) > 0 && words[0].kind == '[' {
		return p.fail(line, "this is a case of format version 1, which returns several matrices: only version 2 (function mpc = name) is read; savecase of MATPOWER converts")
	}
	if len(words) < 3 || words[0].text != "mpc" || words[1].kind != '=' || words[2].kind != name {
		return p.fail(line, "want: function mpc = name")
	}
	p.caseID = words[2].text
	return nil
}

// skipStatement passes over code to the end of its line or statement, outside brackets.
func (p *parser) skipStatement() error {
	for p.t.kind != end && (p.s.depth != 0 || (p.t.kind != newline && p.t.kind != ';')) {
		if err := p.advance(); err != nil {
			return err
		}
	}
	return nil
}

// assign reads the value of a field; p.t is the equals sign.
func (p *parser) assign(field string) error {
	if err := p.advance(); err != nil {
		return err
	}
	line := p.t.line
	var v any
	switch p.t.kind {
	case number:
		v = p.t.value
	case name:
		f, ok := notFinite(p.t.text)
		if !ok {
			return p.code(line)
		}
		v = f
	case text:
		v = p.t.text
	case '[':
		m, err := p.matrix(field)
		if err != nil {
			return err
		}
		v = m
	case '{':
		c, err := p.cell(field)
		if err != nil {
			return err
		}
		v = c
	default:
		return p.code(line)
	}
	if err := p.advance(); err != nil {
		return err
	}
	if !p.ends() {
		return p.code(line)
	}
	p.v[field] = v
	return nil
}

// code is an assignment of something that would have to be computed.
func (p *parser) code(line int) error {
	if !p.lax {
		return p.fail(line, "the value is an expression: code in case files is not run; write the number instead")
	}
	p.warn = append(p.warn, fmt.Sprintf("line %d: an assignment of an expression was skipped", line))
	return p.skipStatement()
}

// matrix reads [ ... ]: rows end at ; or at the line's end, numbers are apart by spaces or commas.
func (p *parser) matrix(field string) (*matrix, error) {
	m := &matrix{line: p.t.line}
	var row []float64
	at, comma := 0, false
	flush := func() error {
		if comma {
			return p.fail(p.t.line, "mpc.%s: a row ends with a comma", field)
		}
		if row == nil {
			return nil
		}
		if len(m.rows) > 0 && len(row) != len(m.rows[0]) {
			return p.fail(at, "mpc.%s: row %d has %d columns, the first has %d", field, len(m.rows)+1, len(row), len(m.rows[0]))
		}
		m.rows, m.at = append(m.rows, row), append(m.at, at)
		row = nil
		return nil
	}
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		v := p.t.value
		switch p.t.kind {
		case name:
			f, ok := notFinite(p.t.text)
			if !ok {
				return nil, p.fail(p.t.line, "mpc.%s: %.40q is not a number: code in case files is not run", field, p.t.text)
			}
			v = f
			fallthrough
		case number:
			if p.t.glued && row != nil && !comma {
				return nil, p.fail(p.t.line, "mpc.%s: numbers without space between them", field)
			}
			if row == nil {
				at = p.t.line
				if len(m.rows) > 0 {
					row = make([]float64, 0, len(m.rows[0]))
				}
			}
			row, comma = append(row, v), false
		case ',':
			if row == nil || comma {
				return nil, p.fail(p.t.line, "mpc.%s: a comma without a number before it", field)
			}
			comma = true
		case ';', newline, ']':
			if err := flush(); err != nil {
				return nil, err
			}
			if p.t.kind == ']' {
				return m, nil
			}
		case end:
			return nil, p.fail(m.line, "mpc.%s: the file ends before the matrix does", field)
		default:
			return nil, p.fail(p.t.line, "mpc.%s: %.40q is not a number: code in case files is not run", field, p.t.text)
		}
	}
}

// cell reads { ... } of texts and numbers; only the texts are kept, by row.
func (p *parser) cell(field string) ([]string, error) {
	start, depth := p.t.line, 1
	out, inRow := []string{}, false
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		switch p.t.kind {
		case text:
			if !inRow && depth == 1 {
				out, inRow = append(out, p.t.text), true
			}
		case ';', newline:
			inRow = inRow && depth > 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return out, nil
			}
		case number, name, ',':
		case end:
			return nil, p.fail(start, "mpc.%s: the file ends before the cell does", field)
		default:
			return nil, p.fail(p.t.line, "mpc.%s: %.40q in a cell", field, p.t.text)
		}
	}
}

// whole is v as an integer.
func whole(v float64) (int64, bool) {
	if v != math.Trunc(v) || math.Abs(v) > 1<<52 {
		return 0, false
	}
	return int64(v), true
}
