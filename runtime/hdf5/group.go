package hdf5

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Group is a group of a file. Its members are read once.
type Group struct {
	f       *File
	path    string
	members map[string]uint64 // object headers
}

// Root is the root group.
func (f *File) Root() (*Group, error) { return f.group("/", f.root) }

func (f *File) group(path string, address uint64) (*Group, error) {
	g := &Group{f: f, path: path, members: map[string]uint64{}}
	w := f.walk()
	ms, err := w.header(address)
	if err == nil {
		err = g.load(w, ms)
	}
	if err != nil {
		return nil, fmt.Errorf("HDF5 group %s: %w", path, err)
	}
	return g, nil
}

// load reads the members, of either style.
func (g *Group) load(w *walk, ms []message) error {
	c, err := w.find(ms, msgSymbolTable, "symbol table")
	if err != nil {
		return err
	}
	if c != nil {
		tree, heap := c.offset(), c.offset()
		if c.err != nil {
			return c.err
		}
		return g.symbols(w, tree, heap)
	}
	info, err := w.find(ms, msgLinkInfo, "link info")
	if err != nil {
		return err
	}
	if info == nil {
		return errors.New("is not a group")
	}
	for _, m := range ms {
		if m.kind == msgLink {
			if err := g.link(w, m.body); err != nil {
				return err
			}
		}
	}
	if v := info.u8(); v != 0 {
		return fmt.Errorf("link info of version %d is not read", v)
	}
	if info.u8()&1 != 0 {
		info.skip(8)
	}
	heap, tree := info.offset(), info.offset()
	if info.err != nil {
		return info.err
	}
	if heap == undefined {
		return nil
	}
	return g.dense(w, heap, tree)
}

func (g *Group) add(name string, address uint64) error {
	if _, twice := g.members[name]; twice || name == "" {
		return fmt.Errorf("member %.100q is there twice or has no name: the file is damaged", name)
	}
	g.members[name] = address
	return nil
}

// symbols reads an old-style group: a B-tree of version 1 over symbol table nodes, names in a local heap.
func (g *Group) symbols(w *walk, tree, heap uint64) error {
	c, err := w.at(heap, 8+2*w.length+w.offsets)
	if err != nil {
		return err
	}
	if err := c.tag("HEAP", 0); err != nil {
		return err
	}
	c.skip(3)
	n := c.size()
	c.skip(w.length)
	at := c.offset()
	if n > uint64(len(w.data)) {
		return errShort
	}
	names, err := w.at(at, int(n))
	if err != nil {
		return err
	}
	return w.tree1(tree, 0, w.length, -1, func(_ *cursor, child uint64) error {
		return g.node(w, names.b, child)
	})
}

// node reads a symbol table node.
func (g *Group) node(w *walk, names []byte, address uint64) error {
	c, err := w.at(address, 8)
	if err != nil {
		return err
	}
	if err := c.tag("SNOD", 1); err != nil {
		return err
	}
	c.skip(1)
	count := c.u16()
	entry := 2*w.offsets + 24
	if c, err = w.at(address+8, count*entry); err != nil {
		return err
	}
	for range count {
		at, object := c.offset(), c.offset()
		c.skip(24)
		if c.err != nil {
			return c.err
		}
		if at >= uint64(len(names)) {
			return errShort
		}
		name, _, ok := bytes.Cut(names[at:], []byte{0})
		if !ok {
			return errShort
		}
		if object == undefined { // a soft link
			continue
		}
		if err := g.add(string(name), object); err != nil {
			return err
		}
	}
	return nil
}

// tree1 visits the leaves of a B-tree of version 1: f gets the key before a child, and the child.
// level is the level that the node must have, or -1 for the root.
func (w *walk) tree1(address uint64, kind uint8, key, level int, f func(key *cursor, child uint64) error) error {
	c, err := w.at(address, 8+2*w.offsets)
	if err != nil {
		return err
	}
	if err := c.tag("TREE", kind); err != nil {
		return err
	}
	at := int(c.u8())
	if level >= 0 && at != level {
		return errors.New("a B-tree's levels do not descend: the file is damaged")
	}
	count := c.u16()
	if c, err = w.at(address+uint64(8+2*w.offsets), count*(key+w.offsets)+key); err != nil {
		return err
	}
	for range count {
		k := &cursor{b: c.bytes(key), offsets: w.offsets, length: w.length}
		child := c.offset()
		if c.err != nil {
			return c.err
		}
		if at > 0 {
			err = w.tree1(child, kind, key, at-1, f)
		} else {
			err = f(k, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link reads a link message; soft and external links are passed over.
func (g *Group) link(w *walk, body []byte) error {
	c := &cursor{b: body, offsets: w.offsets, length: w.length}
	if v := c.u8(); c.err == nil && v != 1 {
		return fmt.Errorf("a link of version %d is not read", v)
	}
	flags := c.u8()
	var kind uint8
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8)
	}
	if flags&16 != 0 {
		c.skip(1)
	}
	n := c.uint(1 << (flags & 3))
	if n > uint64(len(c.b)) {
		return errShort
	}
	name := string(c.bytes(int(n)))
	if kind != 0 {
		return c.err
	}
	object := c.offset()
	if c.err != nil {
		return c.err
	}
	return g.add(name, object)
}

// Names are the members, sorted.
func (g *Group) Names() []string {
	out := make([]string, 0, len(g.members))
	for n := range g.members {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Has reports whether there is a member of a name.
func (g *Group) Has(name string) bool {
	_, ok := g.members[name]
	return ok
}

// Group opens a group below this one, by a path such as grids/7.
func (g *Group) Group(path string) (*Group, error) {
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		at, err := g.member(part)
		if err != nil {
			return nil, err
		}
		if g, err = g.f.group(strings.TrimSuffix(g.path, "/")+"/"+part, at); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Group) member(name string) (uint64, error) {
	at, ok := g.members[name]
	if !ok {
		names := g.Names()
		const listed = 10
		if len(names) > listed {
			names = append(names[:listed], "...")
		}
		return 0, fmt.Errorf("HDF5 group %s has no member %.100q, but %s", g.path, name, strings.Join(names, ", "))
	}
	return at, nil
}

// Dataset opens a data set below this group, by a path such as grids/7/edge_index.
func (g *Group) Dataset(path string) (*Dataset, error) {
	path = strings.Trim(path, "/")
	if dir, name, ok := cutLast(path); ok {
		sub, err := g.Group(dir)
		if err != nil {
			return nil, err
		}
		return sub.Dataset(name)
	}
	at, err := g.member(path)
	if err != nil {
		return nil, err
	}
	return g.f.dataset(strings.TrimSuffix(g.path, "/")+"/"+path, at)
}

func cutLast(path string) (dir, name string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
