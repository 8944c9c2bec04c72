package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// A finished zoo answers questions, and says where each model's weights lie.
func TestModelsCommand(t *testing.T) {
	dir := workplace(t, 40, "2")
	must(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--no-report")
	ask := func(args ...string) string {
		return must(t, dir, append([]string{"models", "--store", "out", "--artifact", "default/modelzoo/tiny-zoo"}, args...)...)
	}
	out := ask("--where", "activation = tanh and epochs = 2", "--sort", "-testAccuracy")
	if !strings.Contains(out, "2 shown, 2 match, 4 in all") || strings.Contains(out, "relu") {
		t.Errorf("the table is\n%s", out)
	}
	for line := range strings.Lines(out) {
		if len([]rune(strings.TrimRight(line, "\n"))) > 80 {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	var rows []struct {
		ModelID, File, Activation string
		Offset, WeightBytes       int64
	}
	if err := json.Unmarshal([]byte(ask("--columns", "all", "--output", "json")), &rows); err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		b, err := os.ReadFile(filepath.Join(dir, "out/default/modelzoo/tiny-zoo", r.File))
		if err != nil || int64(len(b)) < r.Offset+r.WeightBytes || r.WeightBytes != 2464*4 {
			t.Fatalf("%+v: %v", r, err)
		}
		lines, err := csv.NewReader(strings.NewReader(ask("--table", "metrics", "--where", "modelID = "+r.ModelID+" and epoch = 2", "--columns", "weightsSHA256,trainLoss", "-o", "csv"))).ReadAll()
		if err != nil || len(lines) != 2 || lines[1][0] != artifact.Entry("x", b[r.Offset:r.Offset+r.WeightBytes]).SHA256 {
			t.Errorf("model %s: %v, %v", r.ModelID, lines, err)
		}
	}
	for problem, args := range map[string][]string{
		"there is no column": {"--where", "accuracy > 1"}, "unknown form": {"--output", "xml"}, "is no name of a table": {"--table", "../models"},
		"there is no default/modelzoo/tiny-zoo/twins.parquet": {"--table", "twins"}, "-1 rows": {"--limit", "-1"},
	} {
		_, stderr, code := weightspace(t, dir, "", append([]string{"models", "--store", "out", "--artifact", "default/modelzoo/tiny-zoo"}, args...)...)
		if code != 65 || !strings.Contains(stderr, problem) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestCellsKeepTerminalsSafe(t *testing.T) {
	if got := cells([]any{"a\x1b[2Jb", nil, int64(3), 0.1234567891}, tableDigits); got[0] != "a\uFFFD[2Jb" || got[1] != "" || got[2] != "3" || got[3] != "0.123457" {
		t.Errorf("%q", got)
	}
}
