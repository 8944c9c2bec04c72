package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/query"
)

// modelColumns are shown of models.parquet unless others are asked for: they fit 80 columns.
var modelColumns = []string{"modelID", "activation", "learningRate", "testAccuracy"}

var tableName = regexp.MustCompile(`^[a-z][a-z-]*$`)

type modelsFlags struct {
	locator
	query.Query
	table, output string
}

func newModels(a *app) *cobra.Command {
	f := &modelsFlags{}
	cmd := &cobra.Command{
		Use:   "models [URI]",
		Short: "Ask a finished zoo which of its models meet a condition",
		Long: `Reads the tables of a finished ModelZoo where they lie, and of these only the columns
and parts that a question needs. Conditions compare columns with values by
= != < <= > >= and are joined by and, or, not and parentheses; null is no value.
Tables: models (a row for each model), metrics (for each model and epoch), and
others that the zoo has, by their names without .parquet.`,
		Example: `  # The ten best models with tanh
  weightspace models --store ./out --artifact default/modelzoo/mnist-small \
    --where "testAccuracy > 0.9 and activation = tanh" --sort -testAccuracy --limit 10

  # All that is known of diverged ones, for a script
  weightspace models --name mnist-hyp --where "divergedEpoch != null" \
    --columns all --output json

  # Where the weights of every model at epoch 20 lie
  weightspace models --name mnist-small --table metrics --where "epoch = 20" \
    --columns modelID,file,offset --output csv`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error { return a.models(cmd, args, f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.Where, "where", "", `condition, such as "testAccuracy > 0.9"; default: all rows`)
	flags.StringVar(&f.Sort, "sort", "", "column to sort by, with a leading - for the largest first")
	flags.IntVar(&f.Limit, "limit", 20, "largest number of rows, 0 for all")
	flags.StringSliceVar(&f.Columns, "columns", nil, "columns to show, comma-separated, or all")
	flags.StringVar(&f.table, "table", "models", "table to ask: models, metrics, ...")
	flags.StringVarP(&f.output, "output", "o", "table", "form of the answer: table, csv or json")
	return cmd
}

func (a *app) models(cmd *cobra.Command, args []string, f *modelsFlags) error {
	switch {
	case !tableName.MatchString(f.table):
		return inputError("--table", fmt.Sprintf("%q is no name of a table", f.table), "use models, metrics or another table of the zoo")
	case f.output != "table" && f.output != "csv" && f.output != "json":
		return inputError("--output", fmt.Sprintf("unknown form %q", f.output), "use table, csv or json")
	case f.Limit < 0:
		return inputError("--limit", fmt.Sprintf("%d rows", f.Limit), "use 0 for all, or more")
	}
	q := f.Query
	switch {
	case len(q.Columns) == 1 && q.Columns[0] == "all":
		q.Columns = nil
	case len(q.Columns) == 0 && f.table == "models":
		q.Columns = modelColumns
	}
	stores := newOpener("")
	defer stores.close()
	store, dir, err := f.open(cmd.Context(), args, stores)
	if err != nil {
		return err
	}
	r, err := store.ReaderAt(cmd.Context(), dir+"/"+f.table+".parquet")
	if errors.Is(err, artifact.ErrNotFound) {
		return inputError("--table", fmt.Sprintf("there is no %s/%s.parquet", dir, f.table), "name a finished ModelZoo, and a table that it has")
	}
	if err != nil {
		return err
	}
	result, err := query.Run(r, r.Size(), q)
	var mistake *query.Error
	if errors.As(err, &mistake) {
		return inputError("--"+mistake.Part, mistake.Problem, mistake.Remedy)
	}
	if err != nil {
		return fmt.Errorf("%s/%s.parquet: %w", dir, f.table, err)
	}
	return printRows(a.out, result, f.output)
}

// printRows writes an answer; a table ends with how many rows there are.
func printRows(w io.Writer, r *query.Result, form string) error {
	switch form {
	case "json":
		return printJSON(w, r)
	case "csv":
		out := csv.NewWriter(w)
		lines := [][]string{r.Columns}
		for _, row := range r.Rows {
			lines = append(lines, cells(row, -1))
		}
		return out.WriteAll(lines)
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	header := table.Row{}
	for _, c := range r.Columns {
		header = append(header, c)
	}
	t.AppendHeader(header)
	for _, row := range r.Rows {
		line := table.Row{}
		for _, c := range cells(row, tableDigits) {
			line = append(line, c)
		}
		t.AppendRow(line)
	}
	t.Render()
	_, err := fmt.Fprintf(w, "%d shown, %d match, %d in all\n", len(r.Rows), r.Matched, r.Total)
	return err
}

// tableDigits are the significant digits of numbers in a table for people.
const tableDigits = 6

// cells are values as text; null is empty. digits -1 keeps every bit.
func cells(row []any, digits int) []string {
	out := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
		case float64:
			out[i] = strconv.FormatFloat(v, 'g', digits, 64)
		case string:
			out[i] = strings.Map(printable, v)
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}

// printable keeps control characters of a stranger's table off the terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '\uFFFD'
	}
	return r
}

// printJSON writes a list of objects; NaN and the infinities, which JSON lacks, are null.
func printJSON(w io.Writer, r *query.Result) error {
	rows := make([]map[string]any, len(r.Rows))
	for i, row := range r.Rows {
		rows[i] = map[string]any{}
		for c, name := range r.Columns {
			if f, ok := row[c].(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				row[c] = nil
			}
			rows[i][name] = row[c]
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(rows)
}
