package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of a condition.
const maxDepth = 64

// node is a condition: a comparison, or a combination of others.
type node struct {
	// op is and, or, not, or one of the comparisons = != < <= > >=.
	op       string
	children []*node
	column   string
	// text is the literal as written, number what it reads as; isNumber and isNull say what it can be.
	text             string
	number           float64
	isNumber, isNull bool
}

// parse reads a condition such as
//
//	testAccuracy > 0.9 and (activation = tanh or not optimizer = sgd) and divergedEpoch = null
//
// Words are compared with text columns, numbers with number columns; words with blanks or signs stand in quotes.
func parse(text string) (*node, error) {
	tokens, err := split(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	n, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, fmt.Errorf("%q is not expected after a condition; join conditions by and, or", p.tokens[p.at].text)
	}
	return n, nil
}

type token struct {
	text   string
	quoted bool
}

// split cuts a condition into words, comparisons and parentheses.
func split(text string) ([]token, error) {
	var out []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("a quote %c is not closed", c)
			}
			out = append(out, token{text[i+1 : i+1+end], true})
			i += end + 2
		case strings.IndexByte("<>=!", c) >= 0:
			n := 1
			if i+1 < len(text) && text[i+1] == '=' {
				n = 2
			}
			out = append(out, token{text: text[i : i+n]})
			i += n
		case c == '(' || c == ')':
			out = append(out, token{text: string(c)})
			i++
		default:
			n := strings.IndexAny(text[i:], " \t\n\r\"'<>=!()")
			if n < 0 {
				n = len(text) - i
			}
			out = append(out, token{text: text[i : i+n]})
			i += n
		}
	}
	return out, nil
}

type parser struct {
	tokens []token
	at     int
}

// word says whether the next token is this keyword or sign, and takes it.
func (p *parser) word(text string) bool {
	if p.at < len(p.tokens) && !p.tokens[p.at].quoted && strings.EqualFold(p.tokens[p.at].text, text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) or(depth int) (*node, error) { return p.list("or", p.and, depth) }

func (p *parser) and(depth int) (*node, error) { return p.list("and", p.not, depth) }

func (p *parser) list(op string, part func(int) (*node, error), depth int) (*node, error) {
	n, err := part(depth)
	if err != nil {
		return nil, err
	}
	all := []*node{n}
	for p.word(op) {
		if n, err = part(depth); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return &node{op: op, children: all}, nil
}

func (p *parser) not(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("conditions are nested more than %d deep", maxDepth)
	}
	if p.word("not") {
		n, err := p.not(depth + 1)
		return &node{op: "not", children: []*node{n}}, err
	}
	if p.word("(") {
		n, err := p.or(depth + 1)
		if err == nil && !p.word(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return n, err
	}
	return p.comparison()
}

func (p *parser) comparison() (*node, error) {
	rest := p.tokens[p.at:]
	if len(rest) < 3 {
		return nil, fmt.Errorf("a comparison is missing or cut off; write column, sign and value, such as testAccuracy > 0.9")
	}
	n := &node{column: rest[0].text, op: rest[1].text, text: rest[2].text}
	p.at += 3
	if n.op == "==" {
		n.op = "="
	}
	switch n.op {
	case "=", "!=", "<", "<=", ">", ">=":
	default:
		return nil, fmt.Errorf("%q stands where a sign is expected; use = != < <= > >=", rest[1].text)
	}
	if !rest[0].quoted && strings.ContainsAny(n.column, "()") || !rest[2].quoted && strings.ContainsAny(n.text, "()<>=!") {
		return nil, fmt.Errorf("%q %s %q is no comparison of a column with a value", n.column, n.op, n.text)
	}
	if !rest[2].quoted {
		n.isNull = strings.EqualFold(n.text, "null")
		v, err := strconv.ParseFloat(n.text, 64)
		n.number, n.isNumber = v, err == nil && !math.IsNaN(v)
	}
	if n.isNull && n.op != "=" && n.op != "!=" {
		return nil, fmt.Errorf("null is compared by = and != only")
	}
	return n, nil
}

// columns adds the names of the columns that a condition compares.
func (n *node) columns(into map[string]bool) {
	if n == nil {
		return
	}
	if n.column != "" {
		into[n.column] = true
	}
	for _, c := range n.children {
		c.columns(into)
	}
}
