// Package catalog describes image data sets that are known by name: which official files they have, and how the
// published model zoos cut and prepared them.
package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// Entry is a known data set.
type Entry struct {
	// Name is in lower case, such as cifar10-small.
	Name string
	// Title is for people, Source is the page of the data set, which tells its terms of use.
	Title, Source string
	// Format is a spec.Format.
	Format string
	// Files are the official files. With Archive, that one file serves instead of them.
	Files []File
	// Archive is the official archive that holds all of it, "" where there is none.
	Archive string
	// Transform and Options as in a Dataset; nil leaves the images, and takes the format's defaults.
	Transform *spec.Transform
	Options   *spec.FormatOptions
	// Splits of the published zoos; the permutation is ours, from seed 42.
	Splits spec.Splits
	// Normalization of the published zoos.
	Normalization spec.Normalization
	// Channels, Height, Width and Classes are those after the transform.
	Channels, Height, Width, Classes int
	// Notes say what differs from the published zoos or is easily overlooked.
	Notes string
}

// File is an official file of a data set.
type File struct {
	// Role is a spec.Role.
	Role string
	// Name as published.
	Name string
	// SHA256 of the official file, "" where it was not at hand to be computed. It is never copied from hearsay:
	// an import computes it from the user's file.
	SHA256 string
}

// Find gives the entry of a name.
func Find(name string) (*Entry, error) {
	for i := range entries {
		if entries[i].Name == name {
			return entries[i].clone(), nil
		}
	}
	return nil, fmt.Errorf("data set %q is not in the catalogue; it has %s", name, strings.Join(Names(), ", "))
}

// All gives the entries in the order of the catalogue.
func All() []*Entry {
	out := make([]*Entry, len(entries))
	for i := range entries {
		out[i] = entries[i].clone()
	}
	return out
}

// Names lists the names in the order of the catalogue.
func Names() []string {
	out := make([]string, len(entries))
	for i := range entries {
		out[i] = entries[i].Name
	}
	return out
}

// Assign gives each official file of the entry the local file of that name, wherever it lies, or the archive's
// name the archive. Files may also be unpacked of .gz or .bz2. It says which are missing.
func (e *Entry) Assign(paths []string) (map[File]string, error) {
	byName := map[string]string{}
	for _, p := range paths {
		byName[baseName(p)] = p
	}
	if p, ok := byName[e.Archive]; ok && e.Archive != "" {
		return map[File]string{{Role: spec.RoleArchive, Name: e.Archive}: p}, nil
	}
	out := map[File]string{}
	var missing []string
	for _, f := range e.Files {
		p, ok := byName[f.Name]
		for _, packed := range []string{".gz", ".bz2"} {
			if plain, cut := strings.CutSuffix(f.Name, packed); !ok && cut {
				p, ok = byName[plain]
			}
			if !ok {
				p, ok = byName[f.Name+packed]
			}
		}
		if !ok {
			missing = append(missing, f.Name)
			continue
		}
		out[f] = p
	}
	if len(missing) > 0 || len(out) == 0 {
		if e.Archive != "" {
			missing = append(missing, "or the archive "+e.Archive)
		}
		return nil, fmt.Errorf("%s: files are missing: %s; get them from %s", e.Name, strings.Join(missing, ", "), e.Source)
	}
	return out, nil
}

func baseName(p string) string { return p[strings.LastIndexAny(p, `/\`)+1:] }

// clone keeps the catalogue from its callers' changes.
func (e *Entry) clone() *Entry {
	c := *e
	c.Files = slices.Clone(e.Files)
	if e.Transform != nil {
		t := *e.Transform
		c.Transform = &t
	}
	if e.Options != nil {
		o := *e.Options
		c.Options = &o
	}
	c.Normalization.Mean, c.Normalization.Std = slices.Clone(e.Normalization.Mean), slices.Clone(e.Normalization.Std)
	return &c
}
