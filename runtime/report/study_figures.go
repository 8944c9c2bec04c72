package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/study"
)

// pathChapter shows how models move.
func (s *Study) pathChapter() chapter {
	c := chapter{docSection: docSection{Title: "Trajectories"}}
	t := s.Trajectories
	if t == nil {
		return c
	}
	f := figure{name: "steps", columns: 3}
	for _, m := range []struct {
		title, unit string
		of          func(i int) float64
	}{
		{"Step length", "|step|", func(i int) float64 { return s.Steps[i].Step }},
		{"Relative step", "|step| / |weights|", func(i int) float64 { return s.Steps[i].Relative }},
	} {
		if cv := s.stepCurve(m.title, m.unit, m.of); len(cv.Epochs) > 0 {
			f.panels = append(f.panels, curvePanel(cv, len(f.panels) == 0))
		}
	}
	if x, y := byEpoch(t.Epochs, t.TrainLoss); len(x) > 0 {
		f.panels = append(f.panels, linesPanel("Training loss after the step", "epoch", "mean cross-entropy (nats)", []series{{name: "training loss", x: x, y: y}}, span{0, math.Inf(1)}))
		f.panels[len(f.panels)-1].height = panelHeight
	}
	caption := "Every step is from one selected epoch to the next, over all models."
	if finite(float64(t.StepLoss)) {
		caption += fmt.Sprintf(" Step length and training loss go together: their Spearman correlation is %s on average.", significant4(float64(t.StepLoss)))
	}
	c.figs = append(c.figs, chapterFigure{figure: f, caption: caption})
	rows := [][]string{
		boxRow("Length of the path", &t.Length), boxRow("Straightness (distance over length)", &t.Straightness), boxRow("Cosine of successive steps", &t.MeanCosine),
		boxRow("Energy", &t.Energy), boxRow("Curvature", &t.Curvature),
	}
	c.Tables = append(c.Tables, boxTable("Paths of the models", "Quantity", rows))
	return c
}

// byEpoch pairs numbers of steps with the epochs they lead to.
func byEpoch(epochs []int, values []study.Number) (x, y []float64) {
	for k, v := range values {
		if k+1 < len(epochs) && finite(float64(v)) {
			x, y = append(x, float64(epochs[k+1])), append(y, float64(v))
		}
	}
	return x, y
}

// stepCurve summarises a number of the steps by epoch.
func (s *Study) stepCurve(title, unit string, of func(i int) float64) *curve {
	values := map[int][]float64{}
	for i := range s.Steps {
		e := int(s.Steps[i].Epoch)
		values[e] = append(values[e], of(i))
	}
	epochs := make([]int, 0, len(values))
	for e := range values {
		epochs = append(epochs, e)
	}
	slices.Sort(epochs)
	c := &curve{Name: title, Title: title, Unit: unit}
	for _, e := range epochs {
		at := summarise(values[e])
		at.sorted = nil
		if at.N > 0 {
			c.Epochs, c.At = append(c.Epochs, e), append(c.At, at)
		}
	}
	return c
}

// orderChapter shows whether paths can be told apart and ordered.
func (s *Study) orderChapter() chapter {
	c := chapter{docSection: docSection{Title: "Can paths be told apart, and ordered?"}}
	t := s.Trajectories
	if t == nil {
		return c
	}
	f := figure{name: "order-recovery", columns: 2}
	if n := len(t.Ordering); n > 0 {
		rows := make([]string, n)
		kendall, exact := barSet{name: "Kendall's tau"}, barSet{name: "exact positions"}
		for i, o := range t.Ordering {
			rows[i] = words(clip(o.Method, 40))
			kendall.values, exact.values = append(kendall.values, float64(o.Kendall)), append(exact.values, float64(o.Exact))
		}
		f.panels = append(f.panels, barRows("Recovered order of epochs", "mean over models", rows, []barSet{kendall, exact}, span{-1, 1}))
	}
	if n := len(t.Layers); n > 0 {
		rows, set := make([]string, n), barSet{name: "length"}
		for i, l := range t.Layers {
			rows[i] = l.Layer
			set.values = append(set.values, float64(l.Length))
		}
		f.panels = append(f.panels, barRows("Path length by layer", "mean over models", rows, []barSet{set}, span{0, math.Inf(1)}))
	}
	c.figs = append(c.figs, chapterFigure{figure: f, caption: "The epochs of each model were shuffled and put in order again from the weights alone; tau is 1 for the true order and about 0 by chance (random)."})
	if len(t.Clustering) > 0 {
		table := docTable{Caption: "Hierarchical clustering of " + plural(t.ClusteredModels, "model") + ", cut into as many clusters", Text: 1, Head: []string{"Linkage", "Adjusted Rand", "Purity"}}
		for _, l := range t.Clustering {
			table.Rows = append(table.Rows, []string{clip(l.Linkage, 40), number(float64(l.AdjustedRand), 4), number(float64(l.Purity), 4)})
		}
		c.Tables = append(c.Tables, table)
	}
	table := docTable{Caption: "Separation of the models' paths", Text: 1, Head: []string{"Quantity", "Value"}}
	for _, r := range []struct {
		name string
		v    study.Number
	}{{"Least distance of two models' checkpoints", t.Between}, {"Longest step of a model", t.LongestStep}, {"Separation: their ratio", t.Separation}, {"Silhouette of the models", t.Silhouette}} {
		table.Rows = append(table.Rows, []string{r.name, significant4(float64(r.v))})
	}
	c.Tables = append(c.Tables, table)
	return c
}

// similarityChapter compares models with each other.
func (s *Study) similarityChapter() chapter {
	c := chapter{docSection: docSection{Title: "Similarity of the models"}}
	m := s.Similarity
	if m == nil {
		return c
	}
	f := figure{name: "agreement", columns: 2}
	pairs := s.agreementOfPairs()
	if n := len(s.AgreementOf); pairs.N > 0 {
		order, notes := s.agreementOrder()
		at := func(i, j int) float64 { return float64(s.Agreement[order[i]*n+order[j]]) }
		names := make([]string, min(len(order), matrixModels))
		for i := range names {
			names[i] = clip(s.AgreementOf[order[i]], 40)
		}
		f.panels = append(f.panels, matrixPanel("Agreement of pairs", "share of test images answered alike", names, notes[:len(names)], at))
		p := distribution("Agreement", "share of test images answered alike", pairs, 0, 1)
		p.plot.Y.Label.Text = "pairs of models"
		p.alt = strings.Replace(p.alt, plural(pairs.N, "model"), plural(pairs.N, "pair"), 1)
		f.panels = append(f.panels, p)
	}
	caption := fmt.Sprintf("Models of epoch %d, best first: the first row and column are the model with the highest test accuracy.", m.Epoch)
	if n := len(s.AgreementOf); n > matrixModels {
		caption += fmt.Sprintf(" The picture shows the best %d of %d models; the histogram is of all pairs.", matrixModels, n)
	}
	c.figs = append(c.figs, chapterFigure{figure: f, caption: caption})
	if m.CKA != nil && len(m.CKA.Stages) > 0 {
		rows := make([]string, len(m.CKA.Stages))
		linear, unbiased := barSet{name: "linear"}, barSet{name: "unbiased"}
		for i, st := range m.CKA.Stages {
			rows[i] = st.Layer
			linear.values, unbiased.values = append(linear.values, float64(st.Linear)), append(unbiased.values, float64(st.Unbiased))
		}
		cka := figure{name: "cka", columns: 1, panels: []panel{barRows("CKA of activations, layer by layer", "mean over pairs of models", rows, []barSet{linear, unbiased}, span{-1, 1})}}
		c.figs = append(c.figs, chapterFigure{figure: cka, caption: fmt.Sprintf("Centred kernel alignment of the activations of %s on %s; 1 is equal up to rotation and scale.", plural(m.CKA.Pairs, "pair"), plural(m.CKA.Images, "test image"))})
	}
	if d := m.WeightDistance; d != nil {
		rows := [][]string{boxRow("Euclidean distance", &d.L2), boxRow("Cosine distance", &d.Cosine)}
		c.Tables = append(c.Tables, boxTable("Distances between the weights of "+plural(d.Pairs, "pair")+" of models", "Distance", rows))
	}
	return c
}

// agreementOfPairs are the numbers of different models.
func (s *Study) agreementOfPairs() stats {
	n := len(s.AgreementOf)
	var values []float64
	for i := range n {
		for j := i + 1; j < n; j++ {
			values = append(values, float64(s.Agreement[i*n+j]))
		}
	}
	return summarise(values)
}

// agreementOrder ranks the models by test accuracy, best first, and says each one's; without accuracies they keep their order.
func (s *Study) agreementOrder() ([]int, []string) {
	accuracy := map[string]float64{}
	epoch := map[string]int32{}
	for i := range s.Points {
		if p := &s.Points[i]; p.Epoch >= epoch[p.ModelID] {
			epoch[p.ModelID], accuracy[p.ModelID] = p.Epoch, p.TestAccuracy
		}
	}
	for id, m := range s.Members {
		accuracy[id] = m.TestAccuracy
	}
	order := make([]int, len(s.AgreementOf))
	for i := range order {
		order[i] = i
	}
	of := func(i int) float64 {
		if v, ok := accuracy[s.AgreementOf[i]]; ok && finite(v) {
			return v
		}
		return -1
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(of(b), of(a)) })
	notes := make([]string, len(order))
	for i, k := range order {
		if v := of(k); v >= 0 {
			notes[i] = "test accuracy " + number(v, 4)
		}
	}
	return order, notes
}

// probeChapter shows what can be read from weights.
func (s *Study) probeChapter() chapter {
	c := chapter{docSection: docSection{Title: "Probes: what weights tell"}}
	p := s.Probes
	if p == nil {
		return c
	}
	f := figure{name: "probes", columns: 2}
	if n := len(p.Regressions); n > 0 {
		rows := make([]string, n)
		test, shuffled := barSet{name: "held-out models"}, barSet{name: "shuffled targets"}
		table := docTable{Caption: "Ridge regressions", Text: 2, Head: []string{"Target", "From", "Penalty", "Train R²", "Validation R²", "Test R²", "Shuffled R²"}}
		for i, r := range p.Regressions {
			rows[i] = probeName(r.Target, r.Features)
			test.values, shuffled.values = append(test.values, float64(r.TestR2)), append(shuffled.values, float64(r.ShuffledR2))
			table.Rows = append(table.Rows, []string{
				words(clip(r.Target, 40)), clip(r.Features, 40), shortNumber(float64(r.Penalty)),
				number(float64(r.TrainR2), 3), number(float64(r.ValidationR2), 3), number(float64(r.TestR2), 3), number(float64(r.ShuffledR2), 3),
			})
		}
		f.panels = append(f.panels, barRows("Regression", "R²", rows, []barSet{test, shuffled}, span{-1, 1}))
		c.Tables = append(c.Tables, table)
	}
	if n := len(p.Classifications); n > 0 {
		rows := make([]string, n)
		test, most, shuffled := barSet{name: "held-out models"}, barSet{name: "most frequent class"}, barSet{name: "shuffled labels"}
		table := docTable{Caption: "Logistic regressions", Text: 2, Head: []string{"Target", "From", "Classes", "Test accuracy", "Most frequent", "Shuffled"}}
		for i, r := range p.Classifications {
			rows[i] = probeName(r.Target, r.Features)
			test.values, most.values, shuffled.values = append(test.values, float64(r.TestAccuracy)), append(most.values, float64(r.Majority)), append(shuffled.values, float64(r.ShuffledAccuracy))
			table.Rows = append(table.Rows, []string{
				words(clip(r.Target, 40)), clip(r.Features, 40), strconv.Itoa(len(r.Classes)),
				number(float64(r.TestAccuracy), 3), number(float64(r.Majority), 3), number(float64(r.ShuffledAccuracy), 3),
			})
		}
		f.panels = append(f.panels, barRows("Classification", "accuracy", rows, []barSet{test, most, shuffled}, span{0, 1}))
		c.Tables = append(c.Tables, table)
	}
	f.columns = max(1, len(f.panels))
	c.figs = append(c.figs, chapterFigure{figure: f, caption: fmt.Sprintf("Linear probes of weights and of their statistics s(W), fitted on %s, chosen on %d, tested on %d others; no model is in two parts. "+
		"The control gives the targets to other checkpoints. R² below −1 is drawn as −1.", plural(p.TrainModels, "model"), p.ValidationModels, p.TestModels)})
	return c
}

func probeName(target, features string) string {
	if features == "statistics" {
		features = "s(W)"
	}
	return clip(words(target)+", "+features, 60)
}

// averagingChapter shows what averages of weights are worth.
func (s *Study) averagingChapter() chapter {
	c := chapter{docSection: docSection{Title: "Averages of weights"}}
	a := s.Averaging
	if a == nil {
		return c
	}
	rows := []boxGroup{{label: "single models", s: statsOf(&a.Last)}, {label: fmt.Sprintf("last %d epochs, averaged", a.AveragedEpochs), s: statsOf(&a.Epochs)}}
	table := [][]string{boxRow("Single models, last epoch", &a.Last), boxRow(fmt.Sprintf("Last %d epochs of a model, averaged", a.AveragedEpochs), &a.Epochs), boxRow("Models that went into soups", &a.Members)}
	for i := range a.Soups {
		p := &a.Soups[i]
		name := words(clip(p.Method, 20)) + " soup"
		if p.Matched {
			name += ", matched"
		}
		rows = append(rows, boxGroup{label: name, s: statsOf(&p.TestAccuracy), note: "no result"})
		table = append(table, boxRow(title(name)+" ("+number(float64(p.Kept), 1)+" models kept)", &p.TestAccuracy))
	}
	f := figure{name: "averages", columns: 2}
	if lo, hi := rangeOf(rows); lo <= hi {
		f.panels = append(f.panels, rowBoxes("Accuracy of averages", "test accuracy", rows, spanOf(lo, hi).clamp(0, 1)))
	}
	var barriers []boxGroup
	for i := range a.Barriers {
		name := "not matched"
		if a.Barriers[i].Matched {
			name = "matched"
		}
		barriers = append(barriers, boxGroup{label: name, s: statsOf(&a.Barriers[i].Height), note: "no result"})
		table = append(table, boxRow("Barrier, "+name+" (nats)", &a.Barriers[i].Height))
	}
	if lo, hi := rangeOf(barriers); lo <= hi {
		f.panels = append(f.panels, rowBoxes("Loss barrier between two models", "excess cross-entropy (nats)", barriers, spanOf(math.Min(lo, 0), hi)))
	}
	caption := fmt.Sprintf("A soup averages the weights of %d models of one activation; matched ones were aligned by weight matching first. "+
		"A barrier is how far the loss on the line between two models rises above the line between their losses. Boxes are quartiles with the median, diamonds means, "+
		"whiskers end within 1.5 box lengths, dots are beyond.", a.Models)
	if a.Matching != "" {
		caption += " There is no weight matching: " + a.Matching + "."
	}
	if a.RunningStatistics {
		caption += " Running statistics of batch norms are averaged too, and do not fit averaged weights."
	}
	c.figs = append(c.figs, chapterFigure{figure: f, caption: caption})
	c.Tables = append(c.Tables, boxTable("Averages in numbers", "What", table))
	return c
}
