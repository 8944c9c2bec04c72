package report

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// ZoosPage is the name of the page that compares zoos.
const ZoosPage = "zoos.html"

// Place is an artifact: its store and its folder there.
type Place struct {
	Store *artifact.Store
	Dir   string
}

// WriteZoos draws several ModelZoo artifacts side by side: zoos.html and its figures. Errors are as Write's.
func WriteZoos(ctx context.Context, places []Place, out Sink) error {
	zoos := make([]*Input, 0, len(places))
	for _, p := range places {
		in, err := Read(ctx, p.Store, p.Dir)
		if err != nil {
			return err
		}
		zoos = append(zoos, in)
	}
	files, err := BuildZoos(zoos)
	if err != nil {
		return err
	}
	return files.put(ctx, out, ZoosPage)
}

// maxZoos is how many zoos stand side by side.
const maxZoos = 40

// BuildZoos draws zoos side by side: accuracy and generalisation gap as boxes, and medians by epoch. Equal inputs give equal bytes.
func BuildZoos(zoos []*Input) (Files, error) {
	if len(zoos) == 0 || len(zoos) > maxZoos {
		return nil, fmt.Errorf("%w: %d zoos are to be compared; give 1 to %d", ErrInput, len(zoos), maxZoos)
	}
	names := zooNames(zoos)
	sums := make([]summary, len(zoos))
	models := 0
	for i, in := range zoos {
		if err := in.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", in.Header.ArtifactPath, err)
		}
		sums[i] = summariseInput(in)
		models += len(in.Models)
	}
	p := &sectionsPage{
		Title: "Model zoos side by side", Eyebrow: "Comparison", Name: "Model zoos side by side", AboutTitle: "Artifacts",
		Lead: plural(len(zoos), "zoo") + " with " + plural(models, "model") + ": " + strings.Join(names, ", ") + ".",
	}
	for i, in := range zoos {
		p.Facts = append(p.Facts, Fact{names[i], strings.TrimSpace(in.Header.ArtifactPath + " " + in.Header.ResultDigest)})
	}
	out := Files{}
	c := chapter{docSection: docSection{Title: "Accuracy of the populations", Tables: []docTable{zooTable(zoos, names, sums)}}}
	c.figs = []chapterFigure{
		{figure: zooBoxes(names, sums), caption: "Boxes from the 25th to the 75th percentile with the median as a bar, the mean as a diamond, whiskers at the 5th and 95th percentile; dots are models, at most " +
			strconv.Itoa(rowDots) + " each. Models that diverged are left out."},
		{figure: zooCurves(names, sums), caption: "Medians over models by epoch, with quartiles."},
	}
	if err := p.render([]chapter{c}, out); err != nil {
		return nil, err
	}
	html, err := p.write()
	if err != nil {
		return nil, fmt.Errorf("report: writing %s: %w", ZoosPage, err)
	}
	out[ZoosPage] = html
	return out, nil
}

// zooNames are names that tell the zoos apart.
func zooNames(zoos []*Input) []string {
	count := map[string]int{}
	for _, in := range zoos {
		count[in.Header.Name]++
	}
	names := make([]string, len(zoos))
	for i, in := range zoos {
		names[i] = in.Header.Name
		if count[in.Header.Name] > 1 {
			names[i] = fmt.Sprintf("%s (%d)", in.Header.Name, i+1)
		}
		names[i] = clip(names[i], 60)
	}
	return names
}

func zooBoxes(names []string, sums []summary) figure {
	f := figure{name: "zoos", columns: 2}
	boxes := func(title, xlabel string, of func(*summary) stats, bounds func(lo, hi float64) span) {
		groups := make([]boxGroup, len(sums))
		for i := range sums {
			groups[i] = boxGroup{label: names[i], s: of(&sums[i]), note: "no result"}
		}
		if lo, hi := rangeOf(groups); lo <= hi {
			f.panels = append(f.panels, rowBoxes(title, xlabel, groups, bounds(lo, hi)))
		}
	}
	boxes("Test accuracy", "test accuracy", func(s *summary) stats { return s.accuracy }, func(lo, hi float64) span { return spanOf(lo, hi).clamp(0, 1) })
	boxes("Generalisation gap", "train − test accuracy", func(s *summary) stats { return s.gap }, func(lo, hi float64) span { return spanOf(math.Min(lo, 0), math.Max(hi, 0)) })
	return f
}

func zooCurves(names []string, sums []summary) figure {
	f := figure{name: "zoos-learning", columns: 2}
	for k, m := range curveMetrics[:2] {
		var list []series
		for i := range sums {
			c := &sums[i].curves[k]
			s := series{name: names[i], band: true}
			for e, at := range c.At {
				s.add(float64(c.Epochs[e]), at, fmt.Sprintf("epoch %d\nmedian  %s\n25–75 %%  %s – %s", c.Epochs[e], significant4(at.P50), significant4(at.P25), significant4(at.P75)))
			}
			if len(s.x) > 0 {
				list = append(list, s)
			}
		}
		possible, unit := span{0, 1}, "test accuracy"
		if m.loss {
			possible, unit = span{0, math.Inf(1)}, "cross-entropy (nats)"
		}
		if len(list) > 0 {
			f.panels = append(f.panels, linesPanel(m.title, "epoch", unit, list, possible))
		}
	}
	return f
}

func zooTable(zoos []*Input, names []string, sums []summary) docTable {
	t := docTable{Caption: "Test accuracy after the last epoch", Text: 3, Head: []string{
		"Zoo", "Data set", "Architecture", "Epochs", "Models", "Diverged", "Mean", "Std. dev.", "25 %", "Median", "75 %", "Best", "Gap",
	}}
	for i, in := range zoos {
		a := &sums[i].accuracy
		t.Rows = append(t.Rows, []string{
			names[i], in.Header.Dataset, in.Header.Architecture, strconv.Itoa(in.Header.Epochs), strconv.Itoa(len(in.Models)), strconv.Itoa(len(sums[i].diverged)),
			number(a.Mean, 4), number(a.Std, 4), number(a.P25, 4), number(a.P50, 4), number(a.P75, 4), number(a.Max, 4), signed(sums[i].gap.P50),
		})
	}
	return t
}
