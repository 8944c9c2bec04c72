package query_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/query"
)

// models makes a table of n models: activation tanh and relu in turns, accuracy i/n, every fifth model without, every seventh diverged.
func models(tb testing.TB, n int) []byte {
	tb.Helper()
	rows := make([]artifact.ModelRow, n)
	for i := range rows {
		r := &rows[i]
		r.ModelID, r.Seed, r.Activation = fmt.Sprintf("%032x", i), int64(i), []string{"tanh", "relu"}[i%2]
		r.LearningRate, r.TestAccuracy = []float64{1e-3, 1e-4}[i/2%2], float64(i)/float64(n)
		if i%5 == 4 {
			r.TestAccuracy = math.NaN()
		}
		if i%7 == 6 {
			epoch := int32(i % 50)
			r.DivergedEpoch = &epoch
		}
	}
	var b bytes.Buffer
	if err := artifact.WriteModels(&b, rows); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func run(t *testing.T, table []byte, q query.Query) *query.Result {
	t.Helper()
	r, err := query.Run(bytes.NewReader(table), int64(len(table)), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return r
}

// Conditions hold where the same Go expression does.
func TestWhere(t *testing.T) {
	table := models(t, 100)
	acc := func(i int) float64 {
		if i%5 == 4 {
			return math.NaN()
		}
		return float64(i) / 100
	}
	tanh, diverged := func(i int) bool { return i%2 == 0 }, func(i int) bool { return i%7 == 6 }
	for where, want := range map[string]func(i int) bool{
		"":                                       func(int) bool { return true },
		"testAccuracy > 0.9":                     func(i int) bool { return acc(i) > 0.9 },
		"testAccuracy>=0.9":                      func(i int) bool { return acc(i) >= 0.9 },
		"testAccuracy < 0.1 and activation=tanh": func(i int) bool { return acc(i) < 0.1 && tanh(i) },
		"testAccuracy <= 0.1":                    func(i int) bool { return acc(i) <= 0.1 },
		"testAccuracy != 0.5":                    func(i int) bool { return acc(i) != 0.5 },
		"activation == 'relu'":                   func(i int) bool { return !tanh(i) },
		`activation != "relu"`:                   tanh,
		"not activation = relu":                  tanh,
		"divergedEpoch = null":                   func(i int) bool { return !diverged(i) },
		"divergedEpoch != null":                  diverged,
		"divergedEpoch >= 0":                     diverged,
		"learningRate = 1e-4":                    func(i int) bool { return i/2%2 == 1 },
		"learningRate = 0.0001 AND NOT (seed < 50 OR seed >= 60)": func(i int) bool { return i/2%2 == 1 && i >= 50 && i < 60 },
		"seed = 3 or seed = 5 and activation = tanh":              func(i int) bool { return i == 3 },
		"activation > relu":           tanh,
		"activation <= relu":          func(i int) bool { return !tanh(i) },
		"activation = selu":           func(int) bool { return false },
		"testAccuracy > 5":            func(int) bool { return false },
		"seed < -1 or seed > 97":      func(i int) bool { return i > 97 },
		"seed = 2 and not seed > 1e3": func(i int) bool { return i == 2 },
	} {
		var have []int64
		for _, row := range run(t, table, query.Query{Where: where, Columns: []string{"seed"}}).Rows {
			have = append(have, row[0].(int64))
		}
		var wanted []int64
		for i := range 100 {
			if want(i) {
				wanted = append(wanted, int64(i))
			}
		}
		if !slices.Equal(have, wanted) {
			t.Errorf("%s: seeds %v, want %v", where, have, wanted)
		}
	}
}

func TestSortLimitAndColumns(t *testing.T) {
	table := models(t, 100)
	r := run(t, table, query.Query{Where: "activation = tanh", Sort: "-testAccuracy", Columns: []string{"seed", "testAccuracy", "activation", "divergedEpoch"}, Limit: 3})
	want := [][]any{{int64(98), 0.98, "tanh", nil}, {int64(96), 0.96, "tanh", nil}, {int64(92), 0.92, "tanh", nil}}
	if r.Matched != 50 || r.Total != 100 || !slices.EqualFunc(r.Rows, want, slices.Equal) {
		t.Errorf("%d of %d: %v", r.Matched, r.Total, r.Rows)
	}
	for sort, first := range map[string]int64{"testAccuracy": 0, "-seed": 99, "seed": 0, "activation": 1, "-activation": 0, "divergedEpoch": 55, "": 0} {
		if r := run(t, table, query.Query{Sort: sort, Columns: []string{"seed"}}); r.Rows[0][0] != first || len(r.Rows) != 100 {
			t.Errorf("sorted by %q: first %v of %d, want %d", sort, r.Rows[0], len(r.Rows), first)
		}
	}
	if r := run(t, table, query.Query{Sort: "-testAccuracy", Columns: []string{"testAccuracy"}}); !math.IsNaN(r.Rows[99][0].(float64)) {
		t.Error("NaN does not come last")
	}
	if r := run(t, table, query.Query{Limit: 1}); len(r.Columns) < 20 || r.Rows[0][0] != strings.Repeat("0", 32) {
		t.Errorf("all columns: %v %v", r.Columns, r.Rows)
	}
}

// Row groups whose bounds rule a condition out are not read; neither are columns that nobody asks for.
func TestReadsWhatIsAskedFor(t *testing.T) {
	table := models(t, 200_000)
	for where, want := range map[string]int{"seed < 10": 1, "seed = 70000": 1, "seed >= 131071": 3, "seed > 1e9": 0, "seed < 5 or seed > 199990": 2, "not seed < 10": 4} {
		r := run(t, table, query.Query{Where: where, Columns: []string{"seed"}, Limit: 1})
		if r.Groups != 4 || r.Read != want {
			t.Errorf("%s: read %d of %d row groups, want %d", where, r.Read, r.Groups, want)
		}
	}
	c := &counting{r: bytes.NewReader(table)}
	if _, err := query.Run(c, int64(len(table)), query.Query{Where: "activation = tanh", Sort: "-testAccuracy", Columns: []string{"modelID"}, Limit: 5}); err != nil {
		t.Fatal(err)
	}
	if c.n > len(table)/2 {
		t.Errorf("read %d of %d bytes", c.n, len(table))
	}
}

type counting struct {
	r io.ReaderAt
	n int
}

func (c *counting) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(b, off)
	c.n += n
	return n, err
}

func TestMistakes(t *testing.T) {
	table := models(t, 10)
	for part, questions := range map[string][]query.Query{
		"where": {
			{Where: "testAccuracy"},
			{Where: "testAccuracy >"},
			{Where: "testAccuracy > high"},
			{Where: "accuracy > 0.9"},
			{Where: "(seed = 1"},
			{Where: "seed = 1)"},
			{Where: "seed = 1 seed = 2"},
			{Where: "seed ! 1"},
			{Where: "seed = 'a"},
			{Where: "seed < null"},
			{Where: "and"},
			{Where: "seed = ("},
			{Where: strings.Repeat("(", 100) + "seed = 1"},
			{Where: strings.Repeat("not ", 100) + "seed = 1"},
			{Where: " "},
		},
		"sort":    {{Sort: "accuracy"}, {Sort: "-"}, {Sort: "--seed"}},
		"columns": {{Columns: []string{"seed", "x"}}},
	} {
		for _, q := range questions {
			_, err := query.Run(bytes.NewReader(table), int64(len(table)), q)
			var mistake *query.Error
			if part == "sort" && q.Sort == "-" {
				continue // no column is no order
			}
			if !errors.As(err, &mistake) || mistake.Part != part {
				t.Errorf("%+v: %v", q, err)
			}
		}
	}
	for _, b := range [][]byte{nil, []byte("PAR1"), []byte("PAR1PAR1"), table[:len(table)/2], bytes.Repeat([]byte{1}, 100)} {
		if _, err := query.Run(bytes.NewReader(b), int64(len(b)), query.Query{}); err == nil {
			t.Errorf("%d bytes are a table", len(b))
		}
	}
}

func FuzzRun(f *testing.F) {
	table := models(f, 20)
	f.Add(table, "testAccuracy > 0.5 and activation = tanh", "-seed")
	f.Add(table[:len(table)-9], "", "seed")
	f.Add([]byte("PAR1"), "(", "")
	f.Fuzz(func(t *testing.T, b []byte, where, sort string) {
		r, err := query.Run(bytes.NewReader(b), int64(len(b)), query.Query{Where: where, Sort: sort, Limit: 5})
		if err == nil && len(r.Rows) > 5 {
			t.Errorf("%d rows", len(r.Rows))
		}
	})
}

// BenchmarkQuery100000 asks for the ten best models with tanh of 100,000.
func BenchmarkQuery100000(b *testing.B) {
	table := models(b, 100_000)
	for b.Loop() {
		r, err := query.Run(bytes.NewReader(table), int64(len(table)), query.Query{
			Where: "testAccuracy > 0.9 and activation = tanh", Sort: "-testAccuracy", Limit: 10, Columns: []string{"modelID", "activation", "learningRate", "testAccuracy", "file", "offset"},
		})
		if err != nil || len(r.Rows) != 10 {
			b.Fatal(err, len(r.Rows))
		}
	}
}
