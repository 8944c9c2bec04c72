package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// embeddingChapter shows where the checkpoints lie.
func (s *Study) embeddingChapter() chapter {
	c := chapter{docSection: docSection{Title: "Weight space"}}
	points := s.drawnPoints()
	views := s.views(points)
	if len(views) == 0 {
		return c
	}
	m, paths := s.hoverMap(points)
	colours := s.colourings(points, m)
	f := chapterFigure{colours: colours, points: m}
	f.figure = figure{name: "embedding", columns: 2}
	for i := range views {
		f.figure.panels = append(f.figure.panels, mapPanel(&views[i], paths, &colours[0], false))
	}
	for k := range colours {
		e := figure{name: "embedding-" + colours[k].key, columns: 2}
		for i := range views {
			e.panels = append(e.panels, mapPanel(&views[i], paths, &colours[k], true))
		}
		f.extra = append(f.extra, e)
	}
	f.caption = "Every dot is a checkpoint; thin lines join the epochs of a model, and the pointer or the arrow keys show one path (left and right: epochs, up and down: models). " +
		"Each shade of test accuracy holds equally many checkpoints."
	if e := s.Embedding; e != nil {
		if len(e.Explained) == 2 {
			f.caption += fmt.Sprintf(" The two principal components hold %s and %s of the variance.", percent(float64(e.Explained[0])), percent(float64(e.Explained[1])))
		}
		if finite(float64(e.Perplexity)) && e.Perplexity > 0 {
			f.caption += fmt.Sprintf(" t-SNE: perplexity %s, divergence %s nats; distances between its groups mean nothing.", shortNumber(float64(e.Perplexity)), significant4(float64(e.Divergence)))
		}
	}
	if n := len(s.Points); n > len(points) {
		f.caption += fmt.Sprintf(" %s of %s checkpoints are drawn.", group(len(points)), group(n))
	}
	if len(paths) > mapPaths {
		f.caption += fmt.Sprintf(" Lines of the first %d models.", mapPaths)
	}
	c.figs = []chapterFigure{f}
	return c
}

func percent(v float64) string { return number(100*v, 1) + " %" }

// drawnPoints are the checkpoints by model and epoch, those of as many models as a map holds.
func (s *Study) drawnPoints() []artifact.EmbeddingRow {
	points := slices.Clone(s.Points)
	slices.SortStableFunc(points, func(a, b artifact.EmbeddingRow) int {
		return cmp.Or(cmp.Compare(a.ModelID, b.ModelID), cmp.Compare(a.Epoch, b.Epoch))
	})
	if len(points) <= mapDots {
		return points
	}
	end := mapDots
	for end > 1 && points[end-1].ModelID == points[end].ModelID {
		end--
	}
	return points[:end]
}

// views are the maps that every checkpoint has a place in.
func (s *Study) views(points []artifact.EmbeddingRow) []view {
	var out []view
	add := func(v view, x, y func(r *artifact.EmbeddingRow) *float64) {
		for i := range points {
			a, b := x(&points[i]), y(&points[i])
			if a == nil || b == nil || !finite(*a) || !finite(*b) {
				return
			}
			v.x, v.y = append(v.x, *a), append(v.y, *b)
		}
		if len(v.x) > 0 {
			out = append(out, v)
		}
	}
	axis := func(k int) string {
		if e := s.Embedding; e != nil && len(e.Explained) == 2 {
			return fmt.Sprintf("component %d (%s)", k+1, percent(float64(e.Explained[k])))
		}
		return fmt.Sprintf("component %d", k+1)
	}
	add(view{title: "Principal components", xlabel: axis(0), ylabel: axis(1)},
		func(r *artifact.EmbeddingRow) *float64 { return r.PCA1 }, func(r *artifact.EmbeddingRow) *float64 { return r.PCA2 })
	add(view{title: "t-SNE", xlabel: "t-SNE 1", ylabel: "t-SNE 2"},
		func(r *artifact.EmbeddingRow) *float64 { return r.TSNE1 }, func(r *artifact.EmbeddingRow) *float64 { return r.TSNE2 })
	return out
}

// hoverMap describes sorted points, and lists those of each model.
func (s *Study) hoverMap(points []artifact.EmbeddingRow) (*hoverMap, [][]int) {
	m := &hoverMap{}
	var paths [][]int
	for i := range points {
		r := &points[i]
		if i == 0 || points[i-1].ModelID != r.ModelID {
			m.Models = append(m.Models, clip(r.ModelID, 40))
			m.Hyper = append(m.Hyper, s.hyperText(r.ModelID))
			paths = append(paths, nil)
		}
		k := len(m.Models) - 1
		if k < mapPaths {
			paths[k] = append(paths[k], i)
		}
		accuracy := -1.0
		if finite(r.TestAccuracy) {
			accuracy = float64(int(r.TestAccuracy*1e4+0.5)) / 1e4
		}
		m.Model, m.Epoch, m.Accuracy = append(m.Model, k), append(m.Epoch, int(r.Epoch)), append(m.Accuracy, accuracy)
	}
	return m, paths
}

// hyperText are the hyper-parameters of a model, a line each, those that vary.
func (s *Study) hyperText(id string) string {
	member, ok := s.Members[id]
	if !ok {
		return ""
	}
	var lines []string
	for _, k := range s.varying() {
		lines = append(lines, words(s.Hyper[k])+"  "+clip(member.Hyper[k], 40))
	}
	return strings.Join(lines, "\n")
}

// varying are the hyper-parameters that differ among the models drawn.
func (s *Study) varying() []int {
	var out []int
	for k := range s.Hyper {
		seen := map[string]bool{}
		for i := range s.Points {
			if m, ok := s.Members[s.Points[i].ModelID]; ok {
				seen[m.Hyper[k]] = true
			}
		}
		if len(seen) > 1 {
			out = append(out, k)
		}
	}
	return out
}

// colourings are what a map can be coloured by.
func (s *Study) colourings(points []artifact.EmbeddingRow, m *hoverMap) []colouring {
	accuracy, epoch := make([]float64, len(points)), make([]float64, len(points))
	for i := range points {
		accuracy[i], epoch[i] = points[i].TestAccuracy, float64(points[i].Epoch)
	}
	out := []colouring{
		byRank("accuracy", "test accuracy", accuracy, func(v float64) string { return number(v, 3) }),
		byWidth("epoch", "epoch", epoch, func(v float64) string { return strconv.Itoa(int(v)) }),
	}
	for _, k := range s.varying() {
		values := make([]string, len(points))
		for i := range points {
			values[i] = "unknown"
			if member, ok := s.Members[points[i].ModelID]; ok {
				values[i] = member.Hyper[k]
			}
		}
		out = append(out, byCategory(fileName(s.Hyper[k]), words(s.Hyper[k]), values))
	}
	if last := finalAccuracies(points, m); last != nil {
		out = append(out, byRank("final-accuracy", "model's last test accuracy", last, func(v float64) string { return number(v, 3) }))
	}
	return out
}

// finalAccuracies give every checkpoint the accuracy of its model's last one; nil where there is one checkpoint of each model.
func finalAccuracies(points []artifact.EmbeddingRow, m *hoverMap) []float64 {
	if len(m.Models) == len(points) || len(m.Models) < 2 {
		return nil
	}
	last := make([]float64, len(m.Models))
	for i := range points {
		last[m.Model[i]] = points[i].TestAccuracy
	}
	out := make([]float64, len(points))
	for i := range points {
		out[i] = last[m.Model[i]]
	}
	return out
}

// fileName keeps what is safe in the name of a file.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, clip(name, 40))
}
