package matpower

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Error is a defect of a case file.
type Error struct {
	File    string
	Line    int // from 1; 0 for the file as a whole
	Problem string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// kind of a token: one of the characters = ; , [ ] { } ( ) or one of these.
type kind rune

const (
	end     kind = 0
	newline kind = '\n'
	name    kind = 'a' // letters, digits, _ and dots: mpc.bus
	number  kind = '0'
	text    kind = '"'
	other   kind = '?' // an operator or a character that data does not have
)

// token is a piece of a case file.
type token struct {
	kind  kind
	line  int
	text  string
	value float64
	// glued says that the token follows its predecessor without space: in a matrix "1 -2" are two numbers, "1-2" is a difference.
	glued bool
}

// scanner cuts a case file into tokens, without comments and continuations.
type scanner struct {
	src        string
	at, line   int
	depth      int  // of brackets and braces: there a quote always starts a string
	lineStart  bool // nothing but space since the line began
	afterValue bool // a quote here is the transpose operator
}

func (s *scanner) next() (token, error) {
	glued := !s.skip()
	t := token{line: s.line, glued: glued}
	if s.at >= len(s.src) {
		return t, nil
	}
	c := s.src[s.at]
	var err error
	switch {
	case c == '\n':
		t.kind = newline
		s.at++
		s.line++
	case isLetter(c):
		t.kind, t.text = name, s.take(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
	case isDigit(c), c == '.' && s.at+1 < len(s.src) && isDigit(s.src[s.at+1]):
		t, err = s.number(t, "")
	case (c == '-' || c == '+') && s.signs(glued):
		s.at++
		t, err = s.number(t, string(c))
	case c == '"', c == '\'' && (!glued || !s.afterValue):
		t, err = s.quoted(t, c)
	case strings.IndexByte("=;,[]{}()", c) >= 0:
		t.kind, t.text = kind(c), string(c)
		s.at++
	default:
		t.kind, t.text = other, s.src[s.at:s.at+1]
		s.at++
	}
	s.after(t.kind)
	return t, err
}

// after keeps what the meaning of the next character depends on.
func (s *scanner) after(k kind) {
	s.lineStart = k == newline
	s.afterValue = k == name || k == number || k == text || k == ')' || k == ']' || k == '}'
	switch k {
	case '[', '{':
		s.depth++
	case ']', '}':
		s.depth = max(0, s.depth-1)
	default: // others do not nest
	}
}

// signs reports whether the sign at hand belongs to a number that follows it directly.
func (s *scanner) signs(glued bool) bool {
	if s.afterValue && (glued || s.depth == 0) {
		return false
	}
	rest := s.src[s.at+1:]
	return rest != "" && (isDigit(rest[0]) || (rest[0] == '.' && len(rest) > 1 && isDigit(rest[1])) || word(rest, "Inf") || word(rest, "inf") || word(rest, "NaN"))
}

// skip passes over space, comments and continuations, and reports whether there was any.
func (s *scanner) skip() bool {
	start := s.at
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
		case c == '%' || c == '#':
			if s.lineStart && s.block('{') {
				s.blockComment()
				continue
			}
			s.toLineEnd()
		case c == '.' && strings.HasPrefix(s.src[s.at:], "..."):
			s.toLineEnd()
			if s.at < len(s.src) {
				s.at++
				s.line++
			}
		default:
			return s.at > start || s.at == 0
		}
	}
	return true
}

func (s *scanner) toLineEnd() {
	if i := strings.IndexByte(s.src[s.at:], '\n'); i >= 0 {
		s.at += i
	} else {
		s.at = len(s.src)
	}
}

// block reports whether the line from here is %{ or %} and nothing else.
func (s *scanner) block(brace byte) bool {
	line := s.src[s.at:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = strings.TrimSpace(line)
	return len(line) == 2 && (line[0] == '%' || line[0] == '#') && line[1] == brace
}

// blockComment passes over %{ ... %}, which nest.
func (s *scanner) blockComment() {
	depth := 0
	for s.at < len(s.src) {
		for s.at < len(s.src) && (s.src[s.at] == ' ' || s.src[s.at] == '\t') {
			s.at++
		}
		if s.block('{') {
			depth++
		} else if s.block('}') {
			depth--
		}
		s.toLineEnd()
		if depth == 0 || s.at == len(s.src) {
			return
		}
		s.at++
		s.line++
	}
}

func (s *scanner) take(f func(byte) bool) string {
	start := s.at
	for s.at < len(s.src) && f(s.src[s.at]) {
		s.at++
	}
	return s.src[start:s.at]
}

func (s *scanner) number(t token, sign string) (token, error) {
	t.kind = number
	if w := s.take(isLetter); w != "" { // after a sign: Inf or NaN
		t.value, _ = notFinite(w)
		t.text = sign + w
		if sign == "-" {
			t.value = -t.value
		}
		return t, nil
	}
	digits := s.take(func(c byte) bool { return isDigit(c) || c == '.' })
	if s.at < len(s.src) && strings.IndexByte("eEdD", s.src[s.at]) >= 0 {
		s.at++
		digits += "e" + s.take(func(c byte) bool { return isDigit(c) || c == '-' || c == '+' })
	}
	t.text = sign + digits
	v, err := strconv.ParseFloat(t.text, 64)
	if err != nil || (s.at < len(s.src) && isLetter(s.src[s.at])) {
		return t, &Error{Line: s.line, Problem: fmt.Sprintf("%.40q is not a number", t.text+s.take(func(c byte) bool { return isLetter(c) || isDigit(c) }))}
	}
	t.value = v
	return t, nil
}

func (s *scanner) quoted(t token, quote byte) (token, error) {
	t.kind = text
	s.at++
	var b strings.Builder
	for s.at < len(s.src) {
		c := s.src[s.at]
		switch {
		case c == '\n':
			return t, &Error{Line: s.line, Problem: "a text does not end on its line"}
		case c != quote:
			b.WriteByte(c)
			s.at++
		case s.at+1 < len(s.src) && s.src[s.at+1] == quote: // doubled
			b.WriteByte(c)
			s.at += 2
		default:
			s.at++
			t.text = b.String()
			return t, nil
		}
	}
	return t, &Error{Line: s.line, Problem: "the file ends inside a text"}
}

func notFinite(w string) (float64, bool) {
	switch w {
	case "Inf", "inf":
		return math.Inf(1), true
	case "NaN", "nan":
		return math.NaN(), true
	}
	return 0, false
}

func word(s, w string) bool {
	return strings.HasPrefix(s, w) && (len(s) == len(w) || (!isLetter(s[len(w)]) && !isDigit(s[len(w)])))
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
