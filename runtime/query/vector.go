package query

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// vector is a column of a row group: numbers, or positions in a list of texts.
type vector struct {
	numbers []float64
	texts   []int32
	words   []string
	null    []bool
}

func (v *vector) len() int { return len(v.null) }

// key is what a row is sorted by.
type key struct {
	number float64
	text   string
	none   bool
}

func (v *vector) key(row int) key {
	if v.null[row] || v.texts == nil && math.IsNaN(v.numbers[row]) {
		return key{none: true}
	}
	if v.texts != nil {
		return key{text: v.words[v.texts[row]]}
	}
	return key{number: v.numbers[row]}
}

// readColumn reads a column chunk. It allocates as it reads, not by what the table claims.
func readColumn(chunk parquet.ColumnChunk, text bool) (v *vector, err error) {
	v = &vector{}
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	positions := map[string]int32{}
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			if text && v.texts == nil {
				v.texts = []int32{}
			}
			return v, nil
		}
		if err != nil {
			return nil, err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buffer)
			v.add(buffer[:n], text, positions)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n == 0 {
				parquet.Release(page)
				return nil, errors.Join(fmt.Errorf("values end at row %d", v.len()), err)
			}
		}
		parquet.Release(page)
		if v.len() > maxRows {
			return nil, fmt.Errorf("it does not end after %d rows", v.len())
		}
	}
}

func (v *vector) add(values []parquet.Value, text bool, positions map[string]int32) {
	for _, value := range values {
		v.null = append(v.null, value.IsNull())
		if !text {
			v.numbers = append(v.numbers, number(value))
			continue
		}
		b := value.ByteArray()
		at, ok := positions[string(b)]
		if !ok {
			at = int32(len(v.words))
			word := string(b)
			positions[word] = at
			v.words = append(v.words, word)
		}
		v.texts = append(v.texts, at)
	}
}

// eval says of each row whether it meets the condition; nil keeps all.
func (n *node) eval(vectors map[string]*vector) []bool {
	if n == nil {
		return nil
	}
	if n.column != "" {
		return n.compare(vectors[n.column])
	}
	out := n.children[0].eval(vectors)
	if n.op == "not" {
		for i := range out {
			out[i] = !out[i]
		}
		return out
	}
	for _, c := range n.children[1:] {
		for i, v := range c.eval(vectors) {
			if n.op == "and" {
				out[i] = out[i] && v
			} else {
				out[i] = out[i] || v
			}
		}
	}
	return out
}

// compare holds a column against the literal. Null meets only null, NaN nothing but !=.
func (n *node) compare(v *vector) []bool {
	out := make([]bool, v.len())
	switch {
	case n.isNull:
		for i, null := range v.null {
			out[i] = null == (n.op == "=")
		}
	case v.texts != nil:
		meets := make([]bool, len(v.words))
		for i, w := range v.words {
			meets[i] = n.holds(strings.Compare(w, n.text))
		}
		for i, at := range v.texts {
			out[i] = !v.null[i] && meets[at]
		}
	default:
		literal := n.literal()
		for i, x := range v.numbers {
			switch {
			case v.null[i]:
			case math.IsNaN(x):
				out[i] = n.op == "!="
			case x < literal:
				out[i] = n.holds(-1)
			case x > literal:
				out[i] = n.holds(1)
			default:
				out[i] = n.holds(0)
			}
		}
	}
	return out
}

// literal is the number of a comparison; true and false are 1 and 0.
func (n *node) literal() float64 {
	if n.isNumber {
		return n.number
	}
	return float64(boolInt(strings.EqualFold(n.text, "true")))
}

// holds says whether the comparison holds for a value that is below (-1), equal to (0) or above (1) the literal.
func (n *node) holds(order int) bool {
	switch n.op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// possible says whether a row of a row group may meet a condition, by the least and greatest values that its metadata tell. Only numbers
// are ruled out, and nothing below not.
func (t *table) possible(n *node, group int) bool {
	switch {
	case n.op == "and":
		for _, c := range n.children {
			if !t.possible(c, group) {
				return false
			}
		}
		return true
	case n.op == "or":
		for _, c := range n.children {
			if t.possible(c, group) {
				return true
			}
		}
		return false
	case n.column == "" || n.isNull || n.op == "!=" || isText(t.kinds[n.column]):
		return true
	}
	least, greatest, ok := t.bounds(n.column, group)
	if !ok {
		return true
	}
	literal := n.literal()
	switch n.op {
	case "=":
		return least <= literal && literal <= greatest
	case "<":
		return least < literal
	case "<=":
		return least <= literal
	case ">":
		return greatest > literal
	}
	return greatest >= literal
}

// bounds are the least and greatest numbers of a column chunk; ok is false where the metadata do not tell, or hold NaN.
func (t *table) bounds(column string, group int) (least, greatest float64, ok bool) {
	columns := t.file.Metadata().RowGroups[group].Columns
	i := t.index[column]
	if i >= len(columns) {
		return 0, 0, false
	}
	s := columns[i].MetaData.Statistics
	size := map[parquet.Kind]int{parquet.Int32: 4, parquet.Int64: 8, parquet.Float: 4, parquet.Double: 8}[t.kinds[column]]
	if size == 0 || len(s.MinValue) != size || len(s.MaxValue) != size {
		return 0, 0, false
	}
	kind := t.kinds[column]
	least, greatest = number(kind.Value(s.MinValue)), number(kind.Value(s.MaxValue))
	return least, greatest, !math.IsNaN(least) && !math.IsNaN(greatest)
}
