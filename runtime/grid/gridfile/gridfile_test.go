package gridfile

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid/matpower"
)

const triangle = `
{"schema": "weightspace/grid/v1", "nodes": [{"power": 1}, {"power": -1}, {}], "lines": [{"from": 0, "to": 1},
 {"from": 1, "to": 2}, {"from": 0, "to": 2}]}`

func TestRead(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(triangle)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	case14, err := os.ReadFile("../matpower/testdata/case14.m")
	if err != nil {
		t.Fatal(err)
	}
	code := append(bytes.Clone(case14), "mpc.bus(:, 3) = 2 * mpc.bus(:, 3);\n"...)
	texas, err := os.ReadFile("../matpower/testdata/case_ACTIVSg2000.m.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b            []byte
		name         string
		nodes, lines int
		warnings     int
	}{{[]byte(triangle), "x", 3, 3, 0}, {packed.Bytes(), "x", 3, 3, 0}, {case14, "case14", 14, 20, 0}, {code, "case14", 14, 20, 1}, {texas, "case_ACTIVSg2000", 2000, 2667, 0}} {
		g, warnings, err := Read("dir/x.gz", c.b, matpower.Options{})
		if err != nil || g.Name != c.name || g.N() != c.nodes || len(g.Lines) != c.lines || len(warnings) != c.warnings {
			t.Errorf("%+v, %v, %v, want %v", g, warnings, err, c.nodes)
		}
	}
	for want, b := range map[string][]byte{
		"x: gzip: ":                    {0x1f, 0x8b, 1},
		"x: grid JSON, line 1: ":       []byte("{}"),
		"x: mpc.version is missing":    nil,
		"x:2: mpc.bus: \"a\" is not a": []byte("\nmpc.bus = [a]"),
	} {
		if _, _, err := Read("x", b, matpower.Options{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
