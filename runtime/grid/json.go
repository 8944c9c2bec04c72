package grid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Schema names the JSON form of a grid:
//
//	{
//	  "schema": "weightspace/grid/v1",
//	  "name": "case14",                    optional
//	  "geographic": false,                 optional: x is longitude, y latitude, in degrees
//	  "nodes": [{"name": "Bus 1", "power": 1, "x": 0.5, "y": -0.25}, ...],
//	  "lines": [{"from": 0, "to": 1, "coupling": 9}, ...]
//	}
//
// name, x and y of a node are optional, but all nodes have coordinates or none. from and to are
// positions in nodes from 0, or names of nodes. coupling defaults to DefaultCoupling, power to 0.
const Schema = "weightspace/grid/v1"

// DefaultCoupling is the papers' coupling of every line.
const DefaultCoupling = 9.0

// MaxJSON bounds the size of a grid's JSON.
const MaxJSON = 64 << 20

type jsonNode struct {
	Name  string   `json:"name,omitempty"`
	Power float64  `json:"power"`
	X     *float64 `json:"x,omitempty"`
	Y     *float64 `json:"y,omitempty"`
}

type jsonLine struct {
	From     json.RawMessage `json:"from"`
	To       json.RawMessage `json:"to"`
	Coupling *float64        `json:"coupling,omitempty"`
}

// MarshalJSON writes the form of Schema.
func (g *Grid) MarshalJSON() ([]byte, error) {
	type line struct {
		From     int32   `json:"from"`
		To       int32   `json:"to"`
		Coupling float64 `json:"coupling"`
	}
	doc := struct {
		Schema     string     `json:"schema"`
		Name       string     `json:"name,omitempty"`
		Geographic bool       `json:"geographic,omitempty"`
		Nodes      []jsonNode `json:"nodes"`
		Lines      []line     `json:"lines"`
	}{Schema: Schema, Name: g.Name, Geographic: g.Geographic, Nodes: make([]jsonNode, g.N()), Lines: make([]line, len(g.Lines))}
	for i := range doc.Nodes {
		n := &doc.Nodes[i]
		n.Power = g.Power[i]
		if g.X != nil {
			n.X, n.Y = &g.X[i], &g.Y[i]
		}
		if g.Names != nil {
			n.Name = g.Names[i]
		}
	}
	for i, l := range g.Lines {
		doc.Lines[i] = line(l)
	}
	return json.Marshal(doc)
}

// ParseJSON reads the form of Schema. Errors name the line and the field. Memory is bounded by a
// small multiple of len(b), and len(b) by MaxJSON.
func ParseJSON(b []byte) (*Grid, error) {
	if len(b) > MaxJSON {
		return nil, fmt.Errorf("grid JSON: %d bytes, at most %d are accepted", len(b), MaxJSON)
	}
	p := &jsonParser{src: b, dec: json.NewDecoder(bytes.NewReader(b))}
	p.dec.DisallowUnknownFields()
	d, err := p.document()
	if err != nil {
		return nil, fmt.Errorf("grid JSON, line %d: %w", p.line(err), err)
	}
	g, err := New(*d)
	if err != nil {
		return nil, fmt.Errorf("grid JSON: %w", err)
	}
	return g, nil
}

type jsonParser struct {
	src   []byte
	dec   *json.Decoder
	names map[string]int32 // -1: several nodes have it
	lines []jsonLine
	nodes []jsonNode
}

// line is where the parser stands, or where the decoder says that the error is.
func (p *jsonParser) line(err error) int {
	at := p.dec.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(at, syntax.Offset)
	}
	return 1 + bytes.Count(p.src[:min(int(at), len(p.src))], []byte{'\n'})
}

func (p *jsonParser) document() (*Data, error) {
	if err := p.open('{', "the document"); err != nil {
		return nil, err
	}
	d, seen := &Data{}, map[string]bool{}
	for p.dec.More() {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, plain(err)
		}
		key, _ := tok.(string)
		if seen[key] {
			return nil, fieldErrorf(key, "is there twice")
		}
		seen[key] = true
		if err := p.member(d, key); err != nil {
			return nil, err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return nil, plain(err)
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	for _, key := range []string{"schema", "nodes", "lines"} {
		if !seen[key] {
			return nil, fieldErrorf(key, "is missing")
		}
	}
	if err := p.fill(d); err != nil {
		return nil, err
	}
	return d, nil
}

func (p *jsonParser) member(d *Data, key string) error {
	decode := func(v any) error {
		if err := p.dec.Decode(v); err != nil {
			return &FieldError{Field: key, Problem: plain(err).Error()}
		}
		return nil
	}
	switch key {
	case "schema":
		var s string
		if err := decode(&s); err != nil {
			return err
		}
		if s != Schema {
			return fieldErrorf(key, "%.100q, want %q", s, Schema)
		}
		return nil
	case "name":
		return decode(&d.Name)
	case "geographic":
		return decode(&d.Geographic)
	case "nodes":
		return list(p, key, MaxNodes, &p.nodes)
	case "lines":
		return list(p, key, MaxLines, &p.lines)
	default:
		return fieldErrorf(fmt.Sprintf("%.100q", key), "is unknown; known are schema, name, geographic, nodes, lines")
	}
}

// list reads an array element by element, so that its length is bounded before it is in memory.
func list[T any](p *jsonParser, key string, limit int, out *[]T) error {
	if err := p.open('[', key); err != nil {
		return err
	}
	for p.dec.More() {
		field := fmt.Sprintf("%s[%d]", key, len(*out))
		if len(*out) == limit {
			return fieldErrorf(field, "at most %d are accepted", limit)
		}
		var v T
		if err := p.dec.Decode(&v); err != nil {
			var wrong *json.UnmarshalTypeError
			if errors.As(err, &wrong) && wrong.Field != "" {
				field += "." + wrong.Field
			}
			return &FieldError{Field: field, Problem: plain(err).Error()}
		}
		*out = append(*out, v)
	}
	_, err := p.dec.Token()
	return plain(err)
}

func (p *jsonParser) open(want json.Delim, what string) error {
	tok, err := p.dec.Token()
	if err != nil {
		return plain(err)
	}
	if tok != want {
		kind := "an object"
		if want == '[' {
			kind = "a list"
		}
		return fieldErrorf(what, "is not %s", kind)
	}
	return nil
}

// fill makes the data of nodes and lines.
func (p *jsonParser) fill(d *Data) error {
	n := len(p.nodes)
	d.Power = make([]float64, n)
	p.names = make(map[string]int32, n)
	placed, named := 0, false
	for i, v := range p.nodes {
		d.Power[i] = v.Power
		if (v.X == nil) != (v.Y == nil) {
			return fieldErrorf(fmt.Sprintf("nodes[%d]", i), "has one coordinate: give x and y, or none")
		}
		if v.X != nil {
			placed++
		}
		if v.Name == "" {
			continue
		}
		named = true
		if _, twice := p.names[v.Name]; twice {
			p.names[v.Name] = -1
		} else {
			p.names[v.Name] = int32(i)
		}
	}
	if placed != 0 && placed != n {
		return fieldErrorf("nodes", "%d of %d have coordinates: give all nodes x and y, or none", placed, n)
	}
	for _, v := range p.nodes {
		if placed > 0 {
			d.X, d.Y = append(d.X, *v.X), append(d.Y, *v.Y)
		}
		if named {
			d.Names = append(d.Names, v.Name)
		}
	}
	d.Lines = make([]Line, len(p.lines))
	for i, l := range p.lines {
		field := fmt.Sprintf("lines[%d]", i)
		from, err := p.end(field+".from", l.From)
		if err != nil {
			return err
		}
		to, err := p.end(field+".to", l.To)
		if err != nil {
			return err
		}
		d.Lines[i] = Line{From: from, To: to, Coupling: DefaultCoupling}
		if l.Coupling != nil {
			d.Lines[i].Coupling = *l.Coupling
		}
	}
	return nil
}

// end is a node by position or by name.
func (p *jsonParser) end(field string, raw json.RawMessage) (int32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, fieldErrorf(field, "is missing")
	}
	if raw[0] != '"' {
		var i int32
		if err := json.Unmarshal(raw, &i); err != nil {
			return 0, fieldErrorf(field, "%.40s is neither a position of a node nor a name", raw)
		}
		return i, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return 0, fieldErrorf(field, "%v", plain(err))
	}
	switch i, ok := p.names[s]; {
	case !ok:
		return 0, fieldErrorf(field, "no node has the name %.100q", s)
	case i < 0:
		return 0, fieldErrorf(field, "several nodes have the name %.100q: use positions", s)
	default:
		return i, nil
	}
}

// plain says a decoder's error in the words of a file's author.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the file ends inside the document")
	case errors.As(err, &wrong):
		return fmt.Errorf("a %s is not a %s", wrong.Value, wrong.Type)
	default:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
}
