// Package query answers questions about a Parquet table without loading it whole: which rows meet a condition, in which order, and what
// stands in some of their columns. It reads the columns that a question is about, row group by row group, passes over row groups
// whose least and greatest values rule a condition out, and of what is shown only the pages of the rows that are shown.
package query

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Query is a question.
type Query struct {
	// Where is a condition on rows, "" for all; see the package's tests and `weightspace models --help` for its form.
	Where string
	// Sort is a column, with a leading "-" for the largest first; "" keeps the table's order. Null and NaN come last.
	Sort string
	// Columns are shown, in this order; none are all.
	Columns []string
	// Limit is the largest number of rows, 0 for all.
	Limit int
}

// Result is an answer.
type Result struct {
	Columns []string
	// Rows hold nil, bool, int64, float64 or string for each column.
	Rows [][]any
	// Matched is the number of rows that meet the condition, Total that of the table.
	Matched, Total int64
	// Read is the number of row groups whose columns were read, of Groups.
	Read, Groups int
}

// Error is a mistake in a question.
type Error struct {
	// Part is where, columns or sort; Problem says what, Remedy what to do.
	Part, Problem, Remedy string
}

// Error implements error.
func (e *Error) Error() string { return e.Part + ": " + e.Problem + "; " + e.Remedy }

// maxRows bounds a table: no index of ours writes more.
const maxRows = 50_000_000

// bufferBytes is read at a time.
const bufferBytes = 256 << 10

// Run answers a question about the table of size bytes in r. *Error is a mistake in the question, everything else is about the table.
func Run(r io.ReaderAt, size int64, q Query) (result *Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("query: damaged Parquet: %v", p)
		}
	}()
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true), parquet.ReadBufferSize(bufferBytes))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if n := f.NumRows(); n < 0 || n > maxRows {
		return nil, fmt.Errorf("query: the table claims %d rows, at most %d are read", n, maxRows)
	}
	t, err := newTable(f, q)
	if err != nil {
		return nil, err
	}
	hits, err := t.search()
	if err != nil {
		return nil, err
	}
	result = &Result{Columns: t.shown, Matched: int64(len(hits)), Total: f.NumRows(), Read: t.read, Groups: len(f.RowGroups())}
	t.order(hits)
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	result.Rows, err = t.fetch(hits)
	return result, err
}

// table is an open table with a question about it.
type table struct {
	file  *parquet.File
	where *node
	// index is the position of each leaf column, kinds its type.
	index map[string]int
	kinds map[string]parquet.Kind
	shown []string
	sort  string
	down  bool
	read  int
}

// hit is a row that meets the condition.
type hit struct {
	group, row int
	key        key
}

func newTable(f *parquet.File, q Query) (*table, error) {
	t := &table{file: f, index: map[string]int{}, kinds: map[string]parquet.Kind{}}
	var names []string
	for i, path := range f.Schema().Columns() {
		leaf, ok := f.Schema().Lookup(path...)
		if !ok || len(path) != 1 || leaf.MaxRepetitionLevel > 0 {
			continue // nested columns are none of ours
		}
		names = append(names, path[0])
		t.index[path[0]], t.kinds[path[0]] = i, leaf.Node.Type().Kind()
	}
	if q.Where != "" {
		n, err := parse(q.Where)
		if err != nil {
			return nil, &Error{"where", err.Error(), `write conditions such as "testAccuracy > 0.9 and activation = tanh"`}
		}
		t.where = n
	}
	t.sort, t.down = strings.CutPrefix(q.Sort, "-")
	if t.shown = q.Columns; len(t.shown) == 0 {
		t.shown = names
	}
	known := func(part, column string) error {
		if _, ok := t.index[column]; !ok {
			return &Error{part, fmt.Sprintf("there is no column %q", column), "use one of " + strings.Join(names, ", ")}
		}
		return nil
	}
	compared := map[string]bool{}
	t.where.columns(compared)
	for c := range compared {
		if err := known("where", c); err != nil {
			return nil, err
		}
	}
	if t.sort != "" {
		if err := known("sort", t.sort); err != nil {
			return nil, err
		}
	}
	for _, c := range t.shown {
		if err := known("columns", c); err != nil {
			return nil, err
		}
	}
	return t, t.check(t.where)
}

// check refuses a comparison of a number column with a word.
func (t *table) check(n *node) error {
	if n == nil {
		return nil
	}
	if n.column != "" && !n.isNull && !n.isNumber && !isText(t.kinds[n.column]) && t.kinds[n.column] != parquet.Boolean {
		return &Error{"where", fmt.Sprintf("column %s holds numbers, %q is none", n.column, n.text), "compare it with a number"}
	}
	for _, c := range n.children {
		if err := t.check(c); err != nil {
			return err
		}
	}
	return nil
}

func isText(k parquet.Kind) bool { return k == parquet.ByteArray || k == parquet.FixedLenByteArray }

// search finds the rows that meet the condition, with what they are sorted by.
func (t *table) search() ([]hit, error) {
	needed := map[string]bool{}
	t.where.columns(needed)
	if t.sort != "" {
		needed[t.sort] = true
	}
	var hits []hit
	for g, group := range t.file.RowGroups() {
		if t.where != nil && !t.possible(t.where, g) {
			continue
		}
		vectors := map[string]*vector{}
		for c := range needed {
			v, err := readColumn(group.ColumnChunks()[t.index[c]], isText(t.kinds[c]))
			if err != nil {
				return nil, fmt.Errorf("query: row group %d, column %s: %w", g, c, err)
			}
			if int64(v.len()) != group.NumRows() {
				return nil, fmt.Errorf("query: row group %d, column %s has %d values for %d rows", g, c, v.len(), group.NumRows())
			}
			vectors[c] = v
		}
		if len(needed) > 0 {
			t.read++
		}
		n := int(group.NumRows())
		keep := t.where.eval(vectors)
		for row := range n {
			if keep != nil && !keep[row] {
				continue
			}
			h := hit{group: g, row: row}
			if t.sort != "" {
				h.key = vectors[t.sort].key(row)
			}
			hits = append(hits, h)
		}
	}
	return hits, nil
}

// order sorts stably; what has no value comes last either way.
func (t *table) order(hits []hit) {
	if t.sort == "" {
		return
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.key.none || b.key.none:
			return cmp.Compare(boolInt(a.key.none), boolInt(b.key.none))
		case t.down:
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.key.number, b.key.number), strings.Compare(a.key.text, b.key.text))
	})
}

// fetch reads the shown columns of rows.
func (t *table) fetch(hits []hit) ([][]any, error) {
	out := make([][]any, len(hits))
	for i := range out {
		out[i] = make([]any, len(t.shown))
	}
	byGroup := map[int][]int{}
	for i, h := range hits {
		byGroup[h.group] = append(byGroup[h.group], i)
	}
	for g, group := range t.file.RowGroups() {
		at := byGroup[g]
		slices.SortFunc(at, func(a, b int) int { return cmp.Compare(hits[a].row, hits[b].row) })
		for c, name := range t.shown {
			if len(at) == 0 {
				break
			}
			err := pickRows(group.ColumnChunks()[t.index[name]], len(at), func(i int) int { return hits[at[i]].row }, func(i int, v parquet.Value) { out[at[i]][c] = plain(v) })
			if err != nil {
				return nil, fmt.Errorf("query: row group %d, column %s: %w", g, name, err)
			}
		}
	}
	return out, nil
}

// pickRows reads n rows of a column chunk, in rising order, page by page; pages without any of them are passed over.
func pickRows(chunk parquet.ColumnChunk, n int, row func(int) int, take func(int, parquet.Value)) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	buffer := make([]parquet.Value, 1024)
	start := 0
	for i := 0; i < n; {
		page, err := pages.ReadPage()
		if err != nil {
			return fmt.Errorf("row %d: %w", row(i), noEOF(err))
		}
		values := page.Values()
		at := start
		for i < n && row(i) < start+int(page.NumRows()) {
			k, err := values.ReadValues(buffer)
			for ; i < n && row(i) < at+k; i++ {
				take(i, buffer[row(i)-at])
			}
			at += k
			if err != nil && !errors.Is(err, io.EOF) || k == 0 {
				parquet.Release(page)
				return errors.Join(fmt.Errorf("values end at row %d", at), err)
			}
		}
		start += int(page.NumRows())
		parquet.Release(page)
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// plain is a value as Go has it.
func plain(v parquet.Value) any {
	switch {
	case v.IsNull():
		return nil
	case v.Kind() == parquet.Boolean:
		return v.Boolean()
	case v.Kind() == parquet.Int32:
		return int64(v.Int32())
	case v.Kind() == parquet.Int64:
		return v.Int64()
	case v.Kind() == parquet.Float:
		return float64(v.Float())
	case v.Kind() == parquet.Double:
		return v.Double()
	}
	return string(bytes.ToValidUTF8(v.ByteArray(), []byte("\uFFFD")))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// number is a value of a number column, NaN for null.
func number(v parquet.Value) float64 {
	switch plain := plain(v).(type) {
	case int64:
		return float64(plain)
	case float64:
		return plain
	case bool:
		return float64(boolInt(plain))
	}
	return math.NaN()
}
