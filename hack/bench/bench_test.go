package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeRate makes the test binary a contender: it works so much per second, or fails at "broken".
const fakeRate = "WEIGHTSPACE_BENCH_FAKE_RATE"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == fakeRate {
		fake(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func fake(rate string) {
	for scan := bufio.NewScanner(os.Stdin); scan.Scan(); {
		switch {
		case rate == "broken":
			fmt.Println(`{"error": "no such | library"}`)
		case rate == "dies":
			return
		case scan.Text() == "warm":
			setting := cmp.Or(os.Getenv("WEIGHTSPACE_BENCH_SETTING"), "fake "+rate)
			fmt.Printf(`{"setting": %q, "versions": {"fake": "1.2"}}`+"\n", setting)
		default:
			fmt.Printf(`{"seconds": 2, "work": %s}`+"\n", rate)
		}
	}
}

func fakeContender(name, rate string, ours bool) contender {
	return contender{name: name, ours: ours, command: []string{os.Args[0], fakeRate, rate}}
}

func fakeWorkload() workload {
	return workload{
		name: "fake", title: "Pretending.", unit: "thing", flops: 1e6, cores: 2,
		contenders: []contender{
			fakeContender("ours", "6000", true), fakeContender("peer a", "1000", false),
			fakeContender("peer b", "2000", false), fakeContender("peer c", "broken", false), fakeContender("peer d", "dies", false),
		},
		peak: fakeContender("peak", "10", true),
		bars: []bar{{Against: "peer a", Least: 5}, {Least: 4}, {Least: 4, Share: 0.25}, {Share: 0.5}},
	}
}

func TestMeasureAndTable(t *testing.T) {
	known := settings{"fake peer b": "as before"}
	m, err := measure(t.Context(), fakeWorkload(), options{runs: 3, warm: time.Minute}, known, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	m.load = "0.1"
	var out strings.Builder
	if err := writeTable(&out, fakeWorkload(), m); err != nil {
		t.Fatal(err)
	}
	if known["fake ours"] != "fake 6000" {
		t.Errorf("settings are %v", known)
	}
	for _, want := range []string{
		"| **ours** | fake 6000 | 3,000 | 3,000 to 3,000 |  | 30.0 % |",
		"| peer a | fake 1000 | 500 | 500 to 500 | 6.00x | 5.0 % |",
		"| peer b | as before | 1,000 | 1,000 to 1,000 | 3.00x | 10.0 % |",
		"| peer c | failed: no such / library |",
		"| peer d | failed: the process ended |",
		"- 6.00x of peer a (bar 5.00x): met\n",
		"- 3.00x of peer b (bar 4.00x): not met\n",
		"- 3.00x of peer b (bar 4.00x) or 30.0 % of the peak (bar 25.0 %): met\n",
		"- 30.0 % of the peak (bar 50.0 %): not met\n",
		"Peak of one core: 5 GFLOP/s; 3 runs each; load average at the end 0.1; fake 1.2.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestSettingsAreRemembered(t *testing.T) {
	p := places{cache: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(p.settings()), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, s := range []settings{{"a": "1", "b": "2"}, {"b": "3"}} {
		if err := remember(p, s); err != nil {
			t.Fatal(err)
		}
	}
	got := settings{}
	if err := got.load(p.settings()); err != nil || !maps.Equal(got, settings{"a": "1", "b": "3"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMedianAndRatio(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.x); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
	// The machine was half as fast in the second round: the ratio does not notice.
	if got := ratio([]float64{8, 4, 8}, []float64{2, 1, 2, 7}); got != 4 {
		t.Errorf("ratio = %v, want 4", got)
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{1.2345: "1.23", 999: "999", 1000: "1,000", 28765.4: "28,765", 1234567: "1,234,567"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, only string
		want       bool
	}{
		{"zoo-small/batch=10", "", true},
		{"zoo-small/batch=10", "zoo-small", true},
		{"zoo-small/batch=10", "sgemm,zoo-small/batch=10", true},
		{"zoo-small/batch=10", "sgemm", false},
	} {
		if got := matches(c.name, c.only); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.name, c.only, got)
		}
	}
}

func TestCleanEnvironment(t *testing.T) {
	got := cleanEnvironment([]string{"PATH=/bin", "OPENBLAS_CORETYPE=Haswell", "OMP_NUM_THREADS=9"}, 2)
	for _, v := range []string{"PATH=/bin", "OMP_NUM_THREADS=2"} {
		if !slices.Contains(got, v) {
			t.Errorf("%s is missing in %q", v, got)
		}
	}
	if slices.Contains(got, "OPENBLAS_CORETYPE=Haswell") || slices.Contains(got, "OMP_NUM_THREADS=9") {
		t.Errorf("tuning of the shell is in %q", got)
	}
}

func TestCompare(t *testing.T) {
	ours := outcome{losses: []float64{1, 2, 3, 4}, accuracy: []float64{0.5, 0.6}}
	for name, c := range map[string]struct {
		peer outcome
		ok   bool
	}{
		"equal":           {ours, true},
		"nearly":          {outcome{[]float64{1, 2, 3.0009, 4}, []float64{0.6, 0.5}}, true},
		"other losses":    {outcome{[]float64{1, 2, 3.0011, 4}, ours.accuracy}, false},
		"NaN":             {outcome{[]float64{1, math.NaN(), 3, 4}, ours.accuracy}, false},
		"other accuracy":  {outcome{ours.losses, []float64{0.9, 0.8}}, false},
		"other shape":     {outcome{[]float64{1, 2}, ours.accuracy}, false},
		"one member only": {outcome{ours.losses, []float64{0.5}}, false},
	} {
		if err := compare(io.Discard, ours, c.peer); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedCIFAR(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/data_batch_1.bin", make([]byte, 3073*2+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeCIFAR(places{cache: dir}, dir); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a record is accepted: %v", err)
	}
}

// Every workload is measured against something, has our contender and counts its operations, but for whole zoos, which do more than compute.
func TestWorkloadsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workloads(places{root: "r", cache: "c"}, 2) {
		if seen[w.name] {
			t.Errorf("%s is there twice", w.name)
		}
		seen[w.name] = true
		ours := slices.ContainsFunc(w.contenders, func(c contender) bool { return c.ours })
		if !ours || len(w.contenders) < 2 || (w.flops <= 0) != (w.unit == "members") || w.unit == "" || len(w.bars) == 0 || w.peak.command == nil {
			t.Errorf("%s is not whole: %+v", w.name, w)
		}
	}
}
