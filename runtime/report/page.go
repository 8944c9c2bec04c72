package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

//go:embed assets/page.html.tmpl
var pageText string

//go:embed assets/style.css
var pageCSS string

//go:embed assets/script.js
var pageJS string

//go:embed assets/parts.html.tmpl
var partsText string

//go:embed assets/sections.html.tmpl
var sectionsText string

// templates are "page", a zoo's, and "sections", that of everything else, with their common parts.
var templates = func() *template.Template {
	t := template.Must(template.New("parts").Parse(partsText))
	template.Must(t.New("page").Parse(pageText))
	return template.Must(t.New("sections").Parse(sectionsText))
}()

// How many rows the tables hold: all models of a small zoo, otherwise the two ends.
const (
	allModels    = 60
	endModels    = 20
	divergedRows = 50
)

// pageData is what the template shows. Everything is escaped by html/template except the SVG
// drawings, whose text the SVG canvas has escaped, and our own CSS and script.
type pageData struct {
	CSS                             template.CSS
	JS                              template.JS
	Title, Zoo, Namespace           string
	Lead                            string
	Cards                           []card
	Facts                           []Fact
	Distribution, Learning, Factors section
	ByEpoch                         section
	Extra                           []docSection
	Hover                           *hover
	CurveTables                     []curveTable
	Curves                          []hoverCurve
	Marginals                       []marginal
	Hyper                           []string
	Models                          []modelRow
	ModelsCaption                   string
	Diverged                        []modelRow
	DivergedTotal                   int
	Python                          []string
}

type card struct{ Name, Value, Note string }

type section struct {
	Panels  []pagePanel
	Columns int
	Caption string
	// Empty says why there is nothing to see, where there is not.
	Empty string
	// File names the figure's SVG and PNG beside the page, without extension.
	File string
	// Colours are the colourings of a map, the first of which it has; Map is its 1-based number, 0 for none.
	Colours []pageColour
	Map     int
	// More names further files.
	More []string
}

// pageColour is a colouring that can be chosen, with its legend.
type pageColour struct {
	Key, Title string
	Legend     []pageSwatch
}

type pageSwatch struct{ Class, Name string }

// docSection is a part of a page: figures, then tables.
type docSection struct {
	Title, Lead string
	Figures     []section
	Tables      []docTable
}

type docTable struct {
	Caption string
	// Text is how many of the first columns are text.
	Text int
	Head []string
	Rows [][]string
}

type pagePanel struct {
	SVG           template.HTML
	Width, Height int
	Alt           string
	// Curve, Spots and Matrix are 1-based numbers of the hover data, 0 for none.
	Curve, Spots, Matrix int
}

type curveTable struct {
	Title string
	Rows  [][]string
}

// hoverCurve is a learning curve as the page's script reads it.
type hoverCurve struct {
	Title  string       `json:"title"`
	Area   area         `json:"area"`
	Epochs []int        `json:"epochs"`
	Q      [][5]float64 `json:"q"`
}

type marginal struct {
	Name string
	Rows []marginalRow
}

type marginalRow struct {
	Value                  string
	N, Diverged            int
	Mean, Std, Median, Max string
}

type modelRow struct {
	Rank                  int
	ID, Seed              string
	Hyper                 []string
	Acc, Train, Gap, Loss string
	Epoch                 int
}

// page renders the HTML page.
func page(in *Input, s *summary, figs []figure) ([]byte, error) {
	d := pageData{
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS), //nolint:gosec // our own files, embedded
		Zoo: in.Header.Name, Namespace: in.Header.Namespace,
		Title: in.Header.Name + " · model zoo report",
		Lead:  lead(in, s), Cards: cards(s), Facts: facts(in, s),
		Python: python(in, s),
	}
	d.Hover = &hover{}
	for i, sec := range []*section{&d.Distribution, &d.Learning, &d.ByEpoch, &d.Factors} {
		if err := sec.draw(&figs[i], d.Hover); err != nil {
			return nil, err
		}
	}
	if in.Twins != nil {
		twins, err := twinSection(in.Twins, figs[4:], d.Hover)
		if err != nil {
			return nil, err
		}
		d.Extra = append(d.Extra, *twins)
	}
	d.Curves = d.Hover.curves
	captions(&d, in, s)
	d.CurveTables = curveTables(s)
	d.Marginals = marginals(s)
	d.tables(in, s)
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, "page", &d); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// draw renders a figure's panels for the page and adds what they have to say to h.
func (sec *section) draw(f *figure, h *hover) error {
	sec.File, sec.Columns = f.name, min(f.columns, len(f.panels))
	for i := range f.panels {
		p := &f.panels[i]
		svg, a, err := p.inline()
		if err != nil {
			return err
		}
		if p.dots != nil {
			svg += p.dots.svg(&a)
		}
		pp := pagePanel{SVG: template.HTML(svg), Width: int(p.width), Height: int(p.height), Alt: p.alt} //nolint:gosec // text escaped by vgsvg
		h.add(p, a, &pp)
		sec.Panels = append(sec.Panels, pp)
	}
	return nil
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return group(n) + " " + noun + "s"
}

// group writes a count with thin spaces between thousands.
func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// lead is the sentence below the title.
func lead(in *Input, s *summary) string {
	h := &in.Header
	var b strings.Builder
	b.WriteString(plural(len(in.Models), "model"))
	if h.Architecture != "" {
		fmt.Fprintf(&b, " of architecture %s", h.Architecture)
	}
	if h.Dataset != "" {
		fmt.Fprintf(&b, " on data set %s", h.Dataset)
	}
	if h.Epochs > 0 {
		fmt.Fprintf(&b, ", %s each", plural(h.Epochs, "epoch"))
	}
	if n := len(s.diverged); n > 0 {
		fmt.Fprintf(&b, "; %s diverged", group(n))
	}
	b.WriteString(".")
	return b.String()
}

// cards are the key figures.
func cards(s *summary) []card {
	a := s.accuracy
	if a.N == 0 {
		return nil
	}
	return []card{
		{"Test accuracy", number(a.Mean, 3) + " ± " + number(a.Std, 3), "mean ± standard deviation"},
		{"Best model", number(a.Max, 3), "test accuracy"},
		{"Median", number(a.P50, 3), "quartiles " + number(a.P25, 3) + " – " + number(a.P75, 3)},
		{"Generalisation gap", signed(s.gap.Mean) + " ± " + number(s.gap.Std, 3), "train − test accuracy"},
	}
}

// signed writes v with a sign, as gaps are read, using a real minus.
func signed(v float64) string {
	if !finite(v) {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%+.3f", v), "-", "−", 1)
}

// facts are the lines of the header table.
func facts(in *Input, s *summary) []Fact {
	h := &in.Header
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	done := len(in.Models) - len(s.diverged)
	add("Models", fmt.Sprintf("%s (%s trained, %s diverged)", group(len(in.Models)), group(done), group(len(s.diverged))))
	add("Data set", h.Dataset)
	add("Architecture", h.Architecture)
	if h.Parameters > 0 {
		add("Parameters", group(h.Parameters)+" per model")
	}
	if h.Epochs > 0 {
		add("Epochs", strconv.Itoa(h.Epochs))
	}
	if h.BatchSize > 0 {
		add("Batch size", strconv.Itoa(h.BatchSize))
	}
	for _, f := range s.factors {
		var values []string
		for _, l := range f.Levels {
			values = append(values, clip(l.Label, 40))
		}
		add(title(words(f.Name)), strings.Join(values, ", "))
	}
	for _, f := range s.fixed {
		add(title(words(f.Name)), f.Value)
	}
	if s.seeds > 0 {
		add("Seeds", plural(s.seeds, "different seed"))
	}
	if h.ShardSeconds > 0 {
		add("Compute", duration(h.ShardSeconds)+" of training and evaluation, all shards together")
	}
	if !h.Finished.IsZero() {
		add("Written", h.Finished.UTC().Format("2006-01-02 15:04 MST"))
	}
	add("Artifact", h.ArtifactPath)
	add("Result digest", h.ResultDigest)
	return append(out, h.Facts...)
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// duration writes seconds as people do.
func duration(seconds float64) string {
	if !finite(seconds) || seconds > 1e10 {
		return "unknown time"
	}
	if seconds < 10 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
