package data

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

const folderWhat = "archive of image folders"

// picture is an image file of an archive: which split and class it belongs to, and where it stands.
type picture struct {
	name  string
	split string // role of the split
	class string
	// at is its position in the split, once all are known.
	at int
}

// readImageFolder reads folders of PNG or JPEG files, one folder per class and split: train/<class>/...,
// test/<class>/... (or val). Where an archive has both test and val, val is the validation split; where it
// has only val, that is the test split. Archives with a role of their own hold <class>/... or one folder around
// it. A folder around everything is passed over.
//
// Classes are numbered in the order of the names in wnids.txt, where the archive has it (Tiny-ImageNet), else
// sorted by name. In a split the first images of all classes come first, then the second ones, each by the
// order of names, so that any limit is balanced. A val folder with val_annotations.txt takes classes and
// order from there, and a test folder beside it is passed over: it has no labels.
//
// Images become red, green and blue planes; see pictures.
func readImageFolder(b *builder) error {
	if files := b.files(spec.RoleArchive); len(files) > 0 {
		return b.readFile(files[0], folderWhat, func(f File) error {
			l := newListing("")
			return l.read(b, f)
		})
	}
	classes := []string(nil)
	for _, role := range []string{spec.RoleTrain, spec.RoleValidation, spec.RoleTest} {
		if err := b.each(role, folderWhat, func(f File) error {
			l := newListing(role)
			l.classes = classes
			err := l.read(b, f)
			classes = l.classes
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// listing is what an archive holds.
type listing struct {
	// role is that of the file, "" for an archive of all splits.
	role string
	// classes in their order; set by the training images.
	classes  []string
	pictures []*picture
	// wnids and annotations are the contents of Tiny-ImageNet's text files, nil where there are none.
	wnids, annotations []byte
}

func newListing(role string) *listing { return &listing{role: role} }

// read lists the archive, orders its images, and decodes those that are needed.
func (l *listing) read(b *builder, f File) error {
	if err := l.list(f, b.limits); err != nil {
		return err
	}
	if err := l.arrange(); err != nil {
		return err
	}
	bySplit := map[string]*collector{spec.RoleTrain: b.train, spec.RoleValidation: b.validation, spec.RoleTest: b.test}
	index := map[string]uint16{}
	for i, c := range l.classes {
		index[c] = uint16(i)
	}
	counts, byName := map[string]int{}, map[string]*picture{}
	for _, p := range l.pictures {
		byName[p.name] = p
		counts[p.split]++
		if _, ok := index[p.class]; !ok {
			return &FormatError{0, fmt.Sprintf("entry %q: class %q has no training images", p.name, p.class), nil}
		}
	}
	for split, n := range counts {
		bySplit[split].slots(n)
	}
	b.classes = len(l.classes)
	decoder := pictures{limits: b.limits}
	return walk(f, b.limits, func(e *entry) error {
		p := byName[e.name]
		if p == nil {
			return nil
		}
		to := bySplit[p.split]
		to.labels[p.at] = index[p.class]
		if !to.wants(p.at) {
			return nil
		}
		content, err := e.content(maxPicture)
		if err != nil {
			return err
		}
		pixels, s, err := decoder.decode(content)
		if err == nil {
			err = to.set(p.at, pixels, s, index[p.class])
		}
		return within(err, e.offset, fmt.Sprintf("entry %q", e.name))
	})
}

// list collects the names of images, and the text files of Tiny-ImageNet.
func (l *listing) list(f File, limits Limits) error {
	err := walk(f, limits, func(e *entry) (err error) {
		base := path.Base(e.name)
		switch {
		case strings.HasPrefix(base, "."), strings.HasPrefix(e.name, "__MACOSX/"):
		case base == "wnids.txt":
			l.wnids, err = e.content(16 << 20)
		case base == "val_annotations.txt":
			l.annotations, err = e.content(64 << 20)
		default:
			switch strings.ToLower(path.Ext(base)) {
			case ".png", ".jpg", ".jpeg":
				if int64(len(l.pictures)) >= limits.Items {
					return &FormatError{e.offset, fmt.Sprintf("there are more than %d images", limits.Items), nil}
				}
				l.pictures = append(l.pictures, &picture{name: e.name})
			case ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm":
				return &FormatError{e.offset, fmt.Sprintf("entry %q: images of this kind are not read; convert it to PNG or JPEG", e.name), nil}
			}
		}
		return err
	})
	if err == nil && len(l.pictures) == 0 {
		return &FormatError{0, "the archive has no PNG or JPEG files", nil}
	}
	return err
}

// arrange gives every image its split, class and position.
func (l *listing) arrange() error {
	annotated, err := l.annotated()
	if err != nil {
		return err
	}
	if err := l.place(annotated != nil); err != nil {
		return err
	}
	if annotated != nil {
		for _, p := range l.pictures {
			if p.split == spec.RoleTrain {
				continue
			}
			a, ok := annotated[path.Base(p.name)]
			if !ok {
				return &FormatError{0, fmt.Sprintf("entry %q is not in val_annotations.txt", p.name), nil}
			}
			p.class, p.at = a.class, a.at
		}
	}
	if err := l.setClasses(); err != nil {
		return err
	}
	l.order(annotated != nil)
	return nil
}

// setClasses fills classes from wnids.txt or from the training images.
func (l *listing) setClasses() error {
	if l.classes != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, p := range l.pictures {
		if p.split == spec.RoleTrain && !seen[p.class] {
			seen[p.class] = true
			l.classes = append(l.classes, p.class)
		}
	}
	slices.Sort(l.classes)
	if l.wnids != nil {
		l.classes = strings.Fields(string(l.wnids))
	}
	if len(l.classes) == 0 || len(l.classes) > maxClasses {
		return &FormatError{0, fmt.Sprintf("%d classes; from 1 to %d are read: a folder train with a folder per class is needed", len(l.classes), maxClasses), nil}
	}
	return nil
}

// annotated reads val_annotations.txt: lines of a file name, its class and more, separated by tabs.
func (l *listing) annotated() (map[string]picture, error) {
	if l.annotations == nil {
		return nil, nil
	}
	out := map[string]picture{}
	lines := bufio.NewScanner(bytes.NewReader(l.annotations))
	for i := 0; lines.Scan(); i++ {
		words := strings.Split(lines.Text(), "\t")
		if len(words) < 2 {
			return nil, &FormatError{0, fmt.Sprintf("val_annotations.txt, line %d: a file name, a tab and a class are needed", i+1), nil}
		}
		out[words[0]] = picture{class: words[1], at: i}
	}
	if err := lines.Err(); err != nil {
		return nil, &FormatError{0, "val_annotations.txt", err}
	}
	return out, nil
}

// place finds split and class of every image in its path.
func (l *listing) place(annotated bool) error {
	paths := make([][]string, len(l.pictures))
	for i, p := range l.pictures {
		paths[i] = strings.Split(p.name, "/")
	}
	least := 3 // split, class, file
	if l.role != "" {
		least = 2
	}
	if annotated {
		least = 2 // val/images/file has no class
	}
	paths = stripped(paths, least)
	splits := map[string]bool{}
	for i, p := range l.pictures {
		words := paths[i]
		p.split = l.role
		if l.role == "" {
			p.split = splitOf(words[0])
			words = words[1:]
		}
		if len(words) < 2 {
			return &FormatError{0, fmt.Sprintf("entry %q lies in no folder of a class", p.name), nil}
		}
		p.class = words[0]
		splits[p.split] = true
	}
	if l.role != "" {
		return nil
	}
	l.pictures = slices.DeleteFunc(l.pictures, func(p *picture) bool {
		return p.split == "" || annotated && p.split == spec.RoleTest
	})
	if annotated || !splits[spec.RoleTest] {
		for _, p := range l.pictures {
			if p.split == spec.RoleValidation {
				p.split = spec.RoleTest
			}
		}
	}
	return nil
}

// splitOf gives the role of a split's folder, "" for another folder.
func splitOf(folder string) string {
	switch folder {
	case "train", "training":
		return spec.RoleTrain
	case "val", "valid", "validation":
		return spec.RoleValidation
	case "test", "testing":
		return spec.RoleTest
	}
	return ""
}

// stripped removes folders around everything, as long as least parts are left and the folder is no split.
func stripped(paths [][]string, least int) [][]string {
	for {
		for _, p := range paths {
			if p[0] != paths[0][0] || len(p) <= least || least > 2 && splitOf(p[0]) != "" {
				return paths
			}
		}
		for i := range paths {
			paths[i] = paths[i][1:]
		}
	}
}

// order numbers the images of each split: by rank in their class, then by class. Annotated ones keep the order
// of the annotations.
func (l *listing) order(annotated bool) {
	index := map[string]int{}
	for i, c := range l.classes {
		index[c] = i
	}
	slices.SortStableFunc(l.pictures, func(a, b *picture) int {
		return cmp.Or(cmp.Compare(index[a.class], index[b.class]), cmp.Compare(a.name, b.name))
	})
	type key struct{ split, class string }
	ranks := map[key]int{}
	for _, p := range l.pictures {
		if annotated && p.split == spec.RoleTest {
			continue
		}
		k := key{p.split, p.class}
		p.at = ranks[k]
		ranks[k]++
	}
	slices.SortStableFunc(l.pictures, func(a, b *picture) int {
		return cmp.Or(cmp.Compare(a.split, b.split), cmp.Compare(a.at, b.at), cmp.Compare(index[a.class], index[b.class]))
	})
	next := map[string]int{}
	for _, p := range l.pictures {
		p.at = next[p.split]
		next[p.split]++
	}
}
