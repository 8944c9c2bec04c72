package report

import (
	"bytes"
	"fmt"
	"html/template"
	"strconv"

	"github.com/weightspace/weightspace/runtime/study"
)

// sectionsPage is what the template "sections" shows.
type sectionsPage struct {
	CSS                                    template.CSS
	JS                                     template.JS
	Title, Eyebrow, Name, Lead, AboutTitle string
	Cards                                  []card
	Sections                               []docSection
	Facts                                  []Fact
	Hover                                  *hover
	Curves                                 []hoverCurve
}

// chapter is a section of a page with the figures it is to show.
type chapter struct {
	docSection
	figs []chapterFigure
}

type chapterFigure struct {
	figure  figure
	caption string
	// colours, points and files belong to a map.
	colours []colouring
	points  *hoverMap
	extra   []figure
}

// render draws the chapters, adds their figures to the files and fills the page.
func (p *sectionsPage) render(chapters []chapter, out Files) error {
	p.CSS, p.JS, p.Hover = template.CSS(pageCSS), template.JS(pageJS), &hover{} //nolint:gosec // our own files, embedded
	for c := range chapters {
		ch := &chapters[c]
		for i := range ch.figs {
			f := &ch.figs[i]
			if len(f.figure.panels) == 0 {
				continue
			}
			sec := section{Caption: f.caption}
			if err := sec.draw(&f.figure, p.Hover); err != nil {
				return err
			}
			if f.points != nil {
				sec.chooseColours(f, p.Hover)
			}
			for k := range f.extra {
				if err := out.add(&f.extra[k]); err != nil {
					return err
				}
			}
			if f.points == nil {
				if err := out.add(&f.figure); err != nil {
					return err
				}
			}
			ch.Figures = append(ch.Figures, sec)
		}
		if len(ch.Figures)+len(ch.Tables) > 0 {
			p.Sections = append(p.Sections, ch.docSection)
		}
	}
	p.Curves = p.Hover.curves
	return nil
}

// chooseColours adds a map's colourings to the page.
func (sec *section) chooseColours(f *chapterFigure, h *hover) {
	m := *f.points
	m.Colours = map[string]string{}
	for i := range f.colours {
		c := &f.colours[i]
		m.Colours[c.key] = c.code()
		pc := pageColour{Key: c.key, Title: c.title}
		for k, name := range c.legend {
			if name != "" {
				pc.Legend = append(pc.Legend, pageSwatch{fmt.Sprintf("%s%d", c.letter(), k), name})
			}
		}
		sec.Colours = append(sec.Colours, pc)
	}
	h.Maps = append(h.Maps, m)
	sec.Map = len(h.Maps)
	sec.File = f.extra[0].name
	for _, e := range f.extra[1:] {
		sec.More = append(sec.More, e.name)
	}
}

// write executes the template.
func (p *sectionsPage) write() ([]byte, error) {
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, "sections", p); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// BuildStudy draws the report of a ZooAnalysis: report.html and each figure as SVG and PNG. Equal inputs give equal bytes; errors wrap
// ErrInput where the artifact is at fault.
func BuildStudy(s *Study) (Files, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	out := Files{}
	p := &sectionsPage{
		Title: s.Header.Name + " · study of a model zoo", Name: s.Header.Name, AboutTitle: "About this study",
		Eyebrow: "Study of a model zoo", Lead: s.lead(), Cards: s.cards(), Facts: s.facts(),
	}
	if s.Header.Namespace != "" {
		p.Eyebrow += " · " + s.Header.Namespace
	}
	chapters := []chapter{s.embeddingChapter(), s.pathChapter(), s.orderChapter(), s.similarityChapter(), s.probeChapter(), s.averagingChapter()}
	if err := p.render(chapters, out); err != nil {
		return nil, err
	}
	html, err := p.write()
	if err != nil {
		return nil, fmt.Errorf("report: writing %s: %w", PageName, err)
	}
	out[PageName] = html
	return out, nil
}

func (s *Study) lead() string {
	if s.Models == 0 {
		return "A study of the model zoo " + s.Zoo + "."
	}
	return fmt.Sprintf("%s of the zoo %s, %s.", plural(s.Models, "model"), s.Zoo, plural(s.Checkpoints, "checkpoint"))
}

// cards are the headline numbers, those there are.
func (s *Study) cards() []card {
	var out []card
	add := func(name string, v study.Number, note string) {
		if finite(float64(v)) {
			out = append(out, card{name, number(float64(v), 3), note})
		}
	}
	if t := s.Trajectories; t != nil {
		add("Separation", t.Separation, "models' distance over their longest step")
		for _, o := range t.Ordering {
			if o.Method == "shrinkingChain" {
				add("Order of epochs", o.Kendall, "Kendall's tau of the recovered order")
			}
		}
	}
	if p := s.Probes; p != nil {
		for _, r := range p.Regressions {
			if r.Target == "testAccuracy" && r.Features == "statistics" {
				add("Accuracy from weights", r.TestR2, "R² of the probe on held-out models")
			}
		}
	}
	if m := s.Similarity; m != nil && m.Agreement != nil {
		add("Agreement", m.Agreement.Mean, "of two models' answers, on average")
	}
	if a := s.Averaging; a != nil {
		for _, soup := range a.Soups {
			if soup.Method == "greedy" && !soup.Matched {
				add("Greedy soup", soup.TestAccuracy.Mean, "test accuracy; its models "+number(float64(a.Members.Mean), 3))
			}
		}
	}
	return out
}

func (s *Study) facts() []Fact {
	h := &s.Header
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	add("Model zoo", s.Zoo)
	if s.Models > 0 {
		add("Models", group(s.Models))
		add("Checkpoints", group(s.Checkpoints))
	}
	if s.Statistics != nil {
		add("Left out", plural(s.Statistics.Excluded, "model")+" that diverged")
		add("Test accuracy", boxText(&s.Statistics.TestAccuracy))
		add("Generalisation gap", boxText(&s.Statistics.GeneralizationGap))
		add("Statistics", plural(len(s.Statistics.Features), "feature")+" of each checkpoint's weights")
	}
	if !h.Finished.IsZero() {
		add("Written", h.Finished.UTC().Format("2006-01-02 15:04 MST"))
	}
	add("Artifact", h.ArtifactPath)
	add("Result digest", h.ResultDigest)
	return append(out, h.Facts...)
}

// boxText is a box in words.
func boxText(b *study.Box) string {
	return fmt.Sprintf("median %s, quartiles %s and %s, from %s to %s", significant4(float64(b.Median)), significant4(float64(b.Q1)),
		significant4(float64(b.Q3)), significant4(float64(b.Min)), significant4(float64(b.Max)))
}

// statsOf is a study's box as this package draws it: the whiskers are Tukey's, the dots are outliers.
func statsOf(b *study.Box) stats {
	s := stats{
		N: b.Count, Mean: float64(b.Mean), Std: float64(b.Std), Min: float64(b.Min), P5: float64(b.Low), P25: float64(b.Q1), P50: float64(b.Median),
		P75: float64(b.Q3), P95: float64(b.High), Max: float64(b.Max),
	}
	for _, v := range []float64{s.Mean, s.Min, s.P5, s.P25, s.P50, s.P75, s.P95, s.Max} {
		if !finite(v) {
			return stats{}
		}
	}
	for _, v := range b.Outer {
		if finite(float64(v)) {
			s.sorted = append(s.sorted, float64(v))
		}
	}
	return s
}

// boxRow is a row of a table of boxes.
func boxRow(name string, b *study.Box) []string {
	cells := []string{name, strconv.Itoa(b.Count)}
	for _, v := range []study.Number{b.Mean, b.Std, b.Min, b.Q1, b.Median, b.Q3, b.Max} {
		cells = append(cells, significant4(float64(v)))
	}
	return cells
}

var boxHead = []string{"Count", "Mean", "Std. dev.", "Least", "25 %", "Median", "75 %", "Largest"}

func boxTable(caption, what string, rows [][]string) docTable {
	return docTable{Caption: caption, Text: 1, Head: append([]string{what}, boxHead...), Rows: rows}
}
