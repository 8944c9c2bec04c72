package grid

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// Column is one number per node that goes with an export, such as a predicted stability.
type Column struct {
	Name   string
	Values []float64 // [N]
}

// WriteGraphML writes the grid as GraphML 1.0 (undirected; power, x, y, name and columns of nodes,
// coupling of lines), which Gephi, yEd, igraph and NetworkX read. Characters that XML cannot hold
// become U+FFFD. Equal grids give equal bytes.
func WriteGraphML(w io.Writer, g *Grid, columns ...Column) error {
	for _, c := range columns {
		if len(c.Values) != g.N() {
			return fmt.Errorf("GraphML: column %q has %d values for %d nodes", c.Name, len(c.Values), g.N())
		}
	}
	o := &graphML{w: bufio.NewWriter(w)}
	o.print(xml.Header, `<graphml xmlns="http://graphml.graphdrawing.org/xmlns">`, "\n")
	o.key("power", "node", "power", "double")
	if g.X != nil {
		o.key("x", "node", "x", "double")
		o.key("y", "node", "y", "double")
	}
	if g.Names != nil {
		o.key("name", "node", "name", "string")
	}
	for i, c := range columns {
		o.key("c"+strconv.Itoa(i), "node", c.Name, "double")
	}
	o.key("coupling", "edge", "coupling", "double")
	o.print(`<graph id="`, escaped(g.Name), `" edgedefault="undirected">`, "\n")
	for i := range g.Power {
		o.print(`<node id="n`, strconv.Itoa(i), `">`)
		o.number("power", g.Power[i])
		if g.X != nil {
			o.number("x", g.X[i])
			o.number("y", g.Y[i])
		}
		if g.Names != nil {
			o.print(`<data key="name">`, escaped(g.Names[i]), `</data>`)
		}
		for j, c := range columns {
			o.number("c"+strconv.Itoa(j), c.Values[i])
		}
		o.print("</node>\n")
	}
	for i, l := range g.Lines {
		o.print(`<edge id="e`, strconv.Itoa(i), `" source="n`, strconv.Itoa(int(l.From)), `" target="n`, strconv.Itoa(int(l.To)), `">`)
		o.number("coupling", l.Coupling)
		o.print("</edge>\n")
	}
	o.print("</graph>\n</graphml>\n")
	if o.err == nil {
		o.err = o.w.Flush()
	}
	if o.err != nil {
		return fmt.Errorf("GraphML: %w", o.err)
	}
	return nil
}

// graphML keeps the first error.
type graphML struct {
	w   *bufio.Writer
	err error
}

func (o *graphML) print(parts ...string) {
	for _, s := range parts {
		if o.err == nil {
			_, o.err = o.w.WriteString(s)
		}
	}
}

func (o *graphML) key(id, domain, name, kind string) {
	o.print(`<key id="`, id, `" for="`, domain, `" attr.name="`, escaped(name), `" attr.type="`, kind, "\"/>\n")
}

// number leaves numbers out that are not there.
func (o *graphML) number(key string, v float64) {
	if v != v {
		return
	}
	o.print(`<data key="`, key, `">`, strconv.FormatFloat(v, 'g', -1, 64), `</data>`)
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes all
	return b.String()
}
