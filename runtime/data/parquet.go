package data

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/weightspace/weightspace/runtime/spec"
)

const parquetWhat = "Parquet file of images"

// readParquet reads image data sets as Hugging Face writes them: a column of images, each a struct with the
// bytes of a PNG or JPEG file (or the bytes alone), and a column of whole-numbered labels. Rows keep their
// order; files of one role follow one another. Images become red, green and blue planes; see pictures.
func readParquet(b *builder) error {
	for _, s := range []struct {
		role string
		to   *collector
	}{{spec.RoleTrain, b.train}, {spec.RoleValidation, b.validation}, {spec.RoleTest, b.test}} {
		rows := 0
		if err := b.each(s.role, parquetWhat, func(f File) error {
			p, err := openParquet(f, b)
			if err == nil {
				rows += p.rows
			}
			return err
		}); err != nil {
			return err
		}
		if int64(rows) > b.limits.Items {
			return &SourceError{s.to.field, fmt.Sprintf("%d images, at most %d are read", rows, b.limits.Items), nil}
		}
		s.to.expect(rows)
		if err := b.each(s.role, parquetWhat, func(f File) error {
			p, err := openParquet(f, b)
			if err == nil {
				err = p.read(s.to)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// parquetImages is an open file.
type parquetImages struct {
	source        *trackedFile
	file          *parquet.File
	images, label int // columns
	rows          int
	pictures      pictures
}

// trackedFile remembers that the file could not be read, which the decoder's errors may not tell.
type trackedFile struct {
	f   io.ReaderAt
	err error
}

func (t *trackedFile) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 { // a damaged footer, not a source that fails
		return 0, fmt.Errorf("offset %d is below 0", at)
	}
	n, err := t.f.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// guarded turns a panic of the decoder on hostile bytes into an error, and a failing source into itself.
func (p *parquetImages) guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &FormatError{0, fmt.Sprintf("the Parquet file is damaged: %v", r), nil}
		}
		if err != nil && p.source.err != nil {
			err = fmt.Errorf("the file cannot be read: %w", p.source.err)
		}
	}()
	return do()
}

// openParquet reads the footer and finds the columns.
func openParquet(f File, b *builder) (*parquetImages, error) {
	p := &parquetImages{source: &trackedFile{f: f}, pictures: pictures{limits: b.limits}}
	err := p.guarded(func() error {
		n, err := size(f)
		if err != nil {
			return err
		}
		if p.file, err = parquet.OpenFile(p.source, n, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)); err != nil {
			return &FormatError{0, "it cannot be opened as Parquet", err}
		}
		rows := p.file.NumRows()
		if rows < 1 || rows > n {
			return &FormatError{0, fmt.Sprintf("it claims %d rows in %d bytes", rows, n), nil}
		}
		p.rows = int(rows)
		if err := p.columns(b.d.Options); err != nil {
			return err
		}
		return checkPages(p.source, p.file.Metadata(), n, p.images, p.label)
	})
	return p, err
}

// columns finds the two columns.
func (p *parquetImages) columns(o *spec.FormatOptions) error {
	images, labels := []string{"image", "img"}, []string{"label", "fine_label"}
	if o != nil && o.ImageColumn != "" {
		images = []string{o.ImageColumn}
	}
	if o != nil && o.LabelColumn != "" {
		labels = []string{o.LabelColumn}
	}
	have := p.file.Schema()
	find := func(names []string, inner string, kinds ...parquet.Kind) (int, error) {
		for _, name := range names {
			leaf, ok := have.Lookup(name, inner)
			if !ok {
				leaf, ok = have.Lookup(name)
			}
			if !ok || !leaf.Node.Leaf() {
				continue
			}
			for _, k := range kinds {
				if leaf.Node.Type().Kind() == k && leaf.MaxRepetitionLevel == 0 {
					return leaf.ColumnIndex, nil
				}
			}
			return 0, &FormatError{0, fmt.Sprintf("column %q is %v, which is not read", name, leaf.Node), nil}
		}
		return 0, &FormatError{0, fmt.Sprintf("there is no column %q; its columns are %v: name one with options.imageColumn or options.labelColumn", names, have.Columns()), nil}
	}
	var err error
	if p.images, err = find(images, "bytes", parquet.ByteArray); err != nil {
		return err
	}
	p.label, err = find(labels, "", parquet.Int64, parquet.Int32)
	return err
}

// read takes all rows.
func (p *parquetImages) read(to *collector) error {
	return p.guarded(func() error {
		row := 0
		for _, group := range p.file.RowGroups() {
			chunks := group.ColumnChunks()
			var labels []uint16
			if err := values(chunks[p.label], func(v parquet.Value) error {
				if v.IsNull() || v.Int64() < 0 || v.Int64() >= maxClasses {
					return &FormatError{0, fmt.Sprintf("row %d: the label is %v, it has to be from 0 to %d", row+len(labels), v, maxClasses-1), nil}
				}
				if row+len(labels) >= p.rows {
					return &FormatError{0, fmt.Sprintf("there are more than the %d rows that the footer tells of", p.rows), nil}
				}
				labels = append(labels, uint16(v.Int64()))
				return nil
			}); err != nil {
				return err
			}
			from := row
			if err := values(chunks[p.images], func(v parquet.Value) error {
				if row-from >= len(labels) {
					return &FormatError{0, fmt.Sprintf("row %d: there is no label for it", row), nil}
				}
				row++
				return within(p.image(v, labels[row-1-from], to), 0, fmt.Sprintf("row %d", row-1))
			}); err != nil {
				return err
			}
			if row-from != len(labels) {
				return &FormatError{0, fmt.Sprintf("%d images and %d labels in a row group", row-from, len(labels)), nil}
			}
		}
		return nil
	})
}

// image decodes and adds one.
func (p *parquetImages) image(v parquet.Value, label uint16, to *collector) error {
	if !to.wants(to.n()) {
		return to.add(nil, shape{}, label)
	}
	if v.IsNull() {
		return &FormatError{0, "the image has no bytes, perhaps only a path; embed the images in the file", nil}
	}
	pixels, s, err := p.pictures.decode(v.ByteArray())
	if err != nil {
		return err
	}
	return to.add(pixels, s, label)
}

// values visits the values of a column of a row group.
func values(c parquet.ColumnChunk, visit func(parquet.Value) error) error {
	pages := c.Pages()
	defer pages.Close()
	buf := make([]parquet.Value, 256)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &FormatError{0, "a page is damaged", err}
		}
		if err := pageValues(page, buf, visit); err != nil {
			return err
		}
	}
}

func pageValues(page parquet.Page, buf []parquet.Value, visit func(parquet.Value) error) error {
	defer parquet.Release(page)
	r := page.Values()
	for {
		n, err := r.ReadValues(buf)
		for _, v := range buf[:n] {
			if err := visit(v); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &FormatError{0, "a page is damaged", err}
		case n == 0:
			return &FormatError{0, "a page ends early", nil}
		}
	}
}
