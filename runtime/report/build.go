package report

import (
	"fmt"
	"slices"
	"sort"
)

// Files of a report by name.
type Files map[string][]byte

// PageName is the name of the HTML page among the Files.
const PageName = "report.html"

// Names lists the files in order.
func (f Files) Names() []string {
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Build draws the report: report.html, which needs no other file, and each figure as SVG and
// PNG. Figures without data are left out and the page says why. Errors wrap ErrInput where the
// tables are at fault.
func Build(in Input) (Files, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s := summariseInput(&in)
	figs := figures(&in, &s)
	out := Files{}
	for i := range figs {
		if err := out.add(&figs[i]); err != nil {
			return nil, err
		}
	}
	html, err := page(&in, &s, figs)
	if err != nil {
		return nil, fmt.Errorf("report: writing %s: %w", PageName, err)
	}
	out[PageName] = html
	return out, nil
}

// add draws a figure as SVG and PNG, unless it has no panels.
func (f Files) add(fig *figure) error {
	if len(fig.panels) == 0 {
		return nil
	}
	svg, err := fig.svg()
	if err != nil {
		return err
	}
	png, err := fig.png()
	if err != nil {
		return err
	}
	f[fig.name+".svg"], f[fig.name+".png"] = svg, png
	return nil
}

// figures are the report's figures in the order of the page: distribution, curves, epochs, factors, twins.
// A figure without data has no panels.
func figures(in *Input, s *summary) []figure {
	dist := figure{name: "accuracy-distribution", columns: 2}
	if s.accuracy.N > 0 {
		dist.panels = append(dist.panels, distribution("Test accuracy", "test accuracy", s.accuracy, 0, 1))
	}
	if s.gap.N > 0 {
		dist.panels = append(dist.panels, gapPanel(in, s))
	}
	learning := figure{name: "learning-curves", columns: 3}
	// The first loss holds the legend: accuracies rise slowly or fast, losses leave the upper
	// right corner free.
	legend := slices.IndexFunc(s.curves, func(c curve) bool { return c.loss && len(c.Epochs) > 0 })
	for i := range s.curves {
		if c := &s.curves[i]; len(c.Epochs) > 0 {
			learning.panels = append(learning.panels, curvePanel(c, i == max(0, legend)))
		}
	}
	hyper := figure{name: "hyperparameters", columns: 3}
	if s.accuracy.N > 0 {
		for i := range s.factors {
			hyper.panels = append(hyper.panels, factorPanel(&s.factors[i], s))
		}
	}
	if len(hyper.panels) == 2 || len(hyper.panels) == 4 {
		hyper.columns = 2
	}
	return []figure{dist, learning, epochFigure(in, s), hyper, twinFigure(in.Twins)}
}
