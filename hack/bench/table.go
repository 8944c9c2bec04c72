package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// bar is a promise: our rate is at least Least times the best contender whose name begins with
// Against, or at least Share of the peak of the cores. With both, one of them is enough.
type bar struct {
	Against      string
	Least, Share float64
}

// writeTable writes a workload's results as a Markdown section.
func writeTable(out io.Writer, w workload, m *measurement) error {
	b := bufio.NewWriter(out)
	fmt.Fprintf(b, "### %s\n\n%s\n\n", w.name, w.title)
	fmt.Fprintf(b, "| contender | setting | %s/s, median | lowest to highest | ours is | %% of peak |\n|---|---|---|---|---|---|\n", w.unit)
	ours := best(m.results, true, "")
	for _, r := range m.results {
		name := r.contender.name
		if r.contender.ours {
			name = "**" + name + "**"
		}
		if r.err != nil || len(r.rates) == 0 {
			fmt.Fprintf(b, "| %s | failed: %s | | | | |\n", name, cell(fmt.Sprint(r.err)))
			continue
		}
		times := ""
		if ours != nil && !r.contender.ours {
			times = fmt.Sprintf("%.2fx", ratio(ours.rates, r.rates))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s to %s | %s | %s |\n", name, cell(r.setting), number(median(r.rates)),
			number(slices.Min(r.rates)), number(slices.Max(r.rates)), times, percent(share(w, m, r)))
	}
	fmt.Fprintln(b)
	for _, promise := range w.bars {
		writeBar(b, w, m, promise)
	}
	if ours != nil {
		fmt.Fprintln(b)
	}
	fmt.Fprintf(b, "Peak of one core: %s GFLOP/s; %d runs each; load average at the end %s; %s.\n\n",
		number(median(m.peak.rates)), len(m.peak.rates), m.load, versions(m.results))
	return b.Flush()
}

// writeBar says whether a promise is kept.
func writeBar(b io.Writer, w workload, m *measurement, promise bar) {
	ours := best(m.results, true, "")
	if ours == nil {
		return
	}
	var parts []string
	met := false
	if promise.Least > 0 {
		if peer := best(m.results, false, promise.Against); peer != nil {
			got := ratio(ours.rates, peer.rates)
			met = met || got >= promise.Least
			parts = append(parts, fmt.Sprintf("%.2fx of %s (bar %.2fx)", got, peer.contender.name, promise.Least))
		}
	}
	if promise.Share > 0 {
		got := share(w, m, *ours)
		met = met || got >= promise.Share
		parts = append(parts, fmt.Sprintf("%s of the peak (bar %s)", percent(got), percent(promise.Share)))
	}
	if len(parts) == 0 {
		return
	}
	verdict := "not met"
	if met {
		verdict = "met"
	}
	fmt.Fprintf(b, "- %s: %s\n", strings.Join(parts, " or "), verdict)
}

// best is the fastest result of ours, or of the peers whose name begins with a prefix.
func best(results []result, ours bool, prefix string) *result {
	var found *result
	for i := range results {
		r := &results[i]
		if r.contender.ours != ours || r.err != nil || len(r.rates) == 0 || !strings.HasPrefix(r.contender.name, prefix) {
			continue
		}
		if found == nil || median(r.rates) > median(found.rates) {
			found = r
		}
	}
	return found
}

// share is a rate's part of the peak of the workload's cores, by dense operation counts; NaN if
// there is no count.
func share(w workload, m *measurement, r result) float64 {
	if w.flops == 0 {
		return math.NaN()
	}
	return ratio(r.rates, m.peak.rates) * w.flops / (1e9 * float64(w.cores))
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}

// number shows three digits or all of an integer's, with thousands separated.
func number(x float64) string {
	if x < 1000 {
		return fmt.Sprintf("%.3g", x)
	}
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cell makes text fit into a table.
func cell(s string) string { return strings.NewReplacer("|", "/", "\n", " ").Replace(s) }

// versions lists what took part, each once.
func versions(results []result) string {
	all := map[string]string{}
	for _, r := range results {
		maps.Copy(all, r.versions)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, name+" "+all[name])
	}
	return strings.Join(parts, ", ")
}
