package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Twins are the sparse twins of a zoo's models, by entry of spec.twins and target.
type Twins struct {
	Groups []TwinGroup
}

// TwinGroup holds twins that were made alike.
type TwinGroup struct {
	Name, Method string
	// Target is the sparsity that was asked for; NaN where there was none.
	Target float64
	// Layers names the prunable tensors, in the order of the network.
	Layers []string
	Twins  []Twin
}

// Twin is a sparse twin.
type Twin struct {
	ID, Parent     string
	Diverged       bool
	ParentAccuracy float64
	// Moments are its epochs in order; the last one is its result.
	Moments []TwinMoment
	// Layers are the sparsities after the last epoch.
	Layers []float64
}

// TwinMoment is an epoch of a twin; epoch 0 is before training. Sparsity and accuracies are fractions.
type TwinMoment struct {
	Epoch                         int
	Sparsity, Accuracy, Agreement float64
}

// last is the result of a twin that has one.
func (t *Twin) last() (TwinMoment, bool) {
	if t.Diverged || len(t.Moments) == 0 {
		return TwinMoment{}, false
	}
	return t.Moments[len(t.Moments)-1], true
}

// of collects a number of every twin that has a result.
func (g *TwinGroup) of(f func(t *Twin, last TwinMoment) float64) stats {
	var values []float64
	for i := range g.Twins {
		if m, ok := g.Twins[i].last(); ok {
			values = append(values, f(&g.Twins[i], m))
		}
	}
	return summarise(values)
}

func lastSparsity(_ *Twin, m TwinMoment) float64  { return m.Sparsity }
func lastAccuracy(_ *Twin, m TwinMoment) float64  { return m.Accuracy }
func lastAgreement(_ *Twin, m TwinMoment) float64 { return m.Agreement }

// title names a group: its entry, and its target if the entry has several.
func (g *TwinGroup) title() string {
	if finite(g.Target) {
		return clip(g.Name, 40) + " " + strconv.FormatFloat(g.Target, 'g', 4, 64)
	}
	return clip(g.Name, 40)
}

// byEpoch says whether a group is drawn as a path: variational dropout gains its sparsity epoch by epoch.
func (g *TwinGroup) byEpoch() bool { return g.Method == "variationalDropout" }

// twinFigure draws the twins; without a result there are no panels.
func twinFigure(t *Twins) figure {
	f := figure{name: "twins", columns: 2}
	if t == nil {
		return f
	}
	accuracy := twinSeries(t, "test accuracy", func(m TwinMoment) float64 { return m.Accuracy }, lastAccuracy)
	if len(accuracy) == 0 {
		return f
	}
	if p := parentSeries(t); p != nil {
		accuracy = append(accuracy, *p)
	}
	f.panels = append(f.panels, linesPanel("Accuracy against sparsity", "sparsity", "test accuracy", accuracy, span{0, 1}))
	if list := twinSeries(t, "agreement", func(m TwinMoment) float64 { return m.Agreement }, lastAgreement); len(list) > 0 {
		f.panels = append(f.panels, linesPanel("Agreement with the parent", "sparsity", "agreement on test images", list, span{0, 1}))
	}
	f.panels = append(f.panels, parentPanel(t))
	if p, ok := layerPanel(t); ok {
		f.panels = append(f.panels, p)
	}
	return f
}

// twinSeries are a series for each entry: its targets as points, or its epochs as a path. of takes the number at an epoch, end the last.
func twinSeries(t *Twins, what string, of func(TwinMoment) float64, end func(*Twin, TwinMoment) float64) []series {
	var out []series
	at := map[string]int{}
	for i := range t.Groups {
		g := &t.Groups[i]
		if g.byEpoch() {
			if s := pathSeries(g, what, of); len(s.x) > 0 {
				out = append(out, s)
			}
			continue
		}
		sparsity, y := g.of(lastSparsity), g.of(end)
		if sparsity.N == 0 || y.N == 0 {
			continue
		}
		k, ok := at[g.Name]
		if !ok {
			k = len(out)
			at[g.Name] = k
			out = append(out, series{name: g.Name})
		}
		out[k].add(sparsity.P50, y, fmt.Sprintf("sparsity  %s\n%s  %s\n25–75 %%  %s – %s\n%s", significant4(sparsity.P50), what,
			significant4(y.P50), significant4(y.P25), significant4(y.P75), plural(y.N, "twin")))
	}
	return out
}

func (s *series) add(x float64, y stats, text string) {
	s.x, s.y, s.lo, s.hi, s.text = append(s.x, x), append(s.y, y.P50), append(s.lo, y.P25), append(s.hi, y.P75), append(s.text, text)
}

// pathSeries is a group by epoch: medians of sparsity and of the number.
func pathSeries(g *TwinGroup, what string, of func(TwinMoment) float64) series {
	s := series{name: g.Name, band: true}
	sparsity, values := map[int][]float64{}, map[int][]float64{}
	var epochs []int
	for i := range g.Twins {
		if g.Twins[i].Diverged {
			continue
		}
		for _, m := range g.Twins[i].Moments {
			if _, ok := sparsity[m.Epoch]; !ok {
				epochs = append(epochs, m.Epoch)
			}
			sparsity[m.Epoch], values[m.Epoch] = append(sparsity[m.Epoch], m.Sparsity), append(values[m.Epoch], of(m))
		}
	}
	slices.Sort(epochs)
	for _, e := range epochs {
		x, y := summarise(sparsity[e]), summarise(values[e])
		if x.N == 0 || y.N == 0 {
			continue
		}
		s.add(x.P50, y, fmt.Sprintf("epoch %d\nsparsity  %s\n%s  %s\n25–75 %%  %s – %s", e, significant4(x.P50), what, significant4(y.P50), significant4(y.P25), significant4(y.P75)))
	}
	return s
}

// parentSeries are the parents, at sparsity 0.
func parentSeries(t *Twins) *series {
	of := map[string]float64{}
	for i := range t.Groups {
		for k := range t.Groups[i].Twins {
			if w := &t.Groups[i].Twins[k]; !w.Diverged && finite(w.ParentAccuracy) {
				of[w.Parent] = w.ParentAccuracy
			}
		}
	}
	if len(of) == 0 {
		return nil
	}
	values := make([]float64, 0, len(of))
	for _, v := range of {
		values = append(values, v)
	}
	y := summarise(values)
	s := &series{name: "parents", alone: true}
	s.add(0, y, fmt.Sprintf("test accuracy  %s\n25–75 %%  %s – %s\n%s", significant4(y.P50), significant4(y.P25), significant4(y.P75), plural(y.N, "model")))
	return s
}

// parentPanel plots each twin's accuracy against its parent's.
func parentPanel(t *Twins) panel {
	var list []series
	for i := range t.Groups {
		g := &t.Groups[i]
		s := series{name: g.title(), alone: true}
		for k := range g.Twins {
			w := &g.Twins[k]
			m, ok := w.last()
			if !ok || !finite(w.ParentAccuracy) || !finite(m.Accuracy) || len(s.x) >= scatterDots/2 {
				continue
			}
			s.x, s.y = append(s.x, w.ParentAccuracy), append(s.y, m.Accuracy)
			s.text = append(s.text, fmt.Sprintf("parent %s\nparent  %s\ntwin  %s\nsparsity  %s", clip(w.Parent, 40), significant4(w.ParentAccuracy), significant4(m.Accuracy), significant4(m.Sparsity)))
		}
		if len(s.x) > 0 {
			list = append(list, s)
		}
	}
	p := linesPanel("Twins and their parents", "parent's test accuracy", "twin's test accuracy", list, span{0, 1})
	p.near = nearDot
	diagonal(&p)
	return p
}

// layerPanel draws the mean sparsity of each layer after the last epoch.
func layerPanel(t *Twins) (panel, bool) {
	var rows []string
	var sets []barSet
	for i := range t.Groups {
		g := &t.Groups[i]
		if len(g.Layers) == 0 || rows != nil && !slices.Equal(rows, g.Layers) {
			continue
		}
		rows = g.Layers
		set := barSet{name: g.title()}
		for l := range rows {
			s := g.of(func(t *Twin, _ TwinMoment) float64 { return t.Layers[l] })
			set.values = append(set.values, s.Mean)
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return panel{}, false
	}
	return dotRows("Sparsity of each layer", "mean sparsity of its weights", rows, sets, span{0, 1}), true
}

// twinSection is the part of the page about twins.
func twinSection(t *Twins, figs []figure, h *hover) (*docSection, error) {
	out := &docSection{Title: "Sparse twins"}
	var sec section
	if len(figs) == 0 || len(figs[0].panels) == 0 {
		sec.Empty = "No twin has a result."
	} else if err := sec.draw(&figs[0], h); err != nil {
		return nil, err
	}
	sec.Caption = "Medians over twins with quartiles. Pruned twins are points, one for each target, after training on; variational dropout is a path, a point for each epoch. " +
		"Sparsity is the share of weights that are 0; agreement the share of test images that parent and twin answer alike. On the thin diagonal a twin is as good as its parent. " +
		"Twins that diverged are left out."
	out.Figures = []section{sec}
	table := docTable{
		Caption: "Twins after their last epoch: medians, quartiles of the accuracy", Text: 2,
		Head: []string{"Twins", "Method", "Target", "Count", "Diverged", "Sparsity", "Test acc.", "25 %", "75 %", "Parents", "Agreement"},
	}
	for i := range t.Groups {
		g := &t.Groups[i]
		a := g.of(lastAccuracy)
		table.Rows = append(table.Rows, []string{
			clip(g.Name, 60), words(clip(g.Method, 40)), number(g.Target, 3), strconv.Itoa(len(g.Twins)), strconv.Itoa(len(g.Twins) - g.of(func(*Twin, TwinMoment) float64 { return 0 }).N),
			number(g.of(lastSparsity).P50, 3), number(a.P50, 4), number(a.P25, 4), number(a.P75, 4),
			number(g.of(func(t *Twin, _ TwinMoment) float64 { return t.ParentAccuracy }).P50, 4), number(g.of(lastAgreement).P50, 4),
		})
	}
	out.Tables = []docTable{table}
	return out, nil
}

// order sorts groups by name and target, and twins by parent.
func (t *Twins) order() {
	slices.SortStableFunc(t.Groups, func(a, b TwinGroup) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Target, b.Target)) })
	for i := range t.Groups {
		slices.SortFunc(t.Groups[i].Twins, func(a, b Twin) int { return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.ID, b.ID)) })
	}
}
