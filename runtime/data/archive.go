package data

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// entry is a regular file of an archive.
type entry struct {
	// name is a clean path with slashes, below the archive's root.
	name string
	// size is what the archive says; r ends there, or before where the archive is cut.
	size int64
	// offset is where the data start: in the file (zip), or in the decompressed tar.
	offset int64
	// open gives the content; for a tar it can be read once, during the visit.
	open func() (io.ReadCloser, error)
}

// walk visits the regular files of a zip, tar, tar.gz or tar.bz2 in the archive's order. Names that leave
// the archive, links and devices are refused: nothing is written to disk, but such an archive is no honest one.
func walk(f File, limits Limits, visit func(e *entry) error) error {
	n, err := size(f)
	if err != nil {
		return err
	}
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("at byte 0: the file cannot be read: %w", err)
	}
	if bytes.Equal(magic[:], []byte("PK\x03\x04")) || bytes.Equal(magic[:], []byte("PK\x05\x06")) {
		return walkZip(f, n, limits, visit)
	}
	return walkTar(f, limits, visit)
}

func walkZip(f File, n int64, limits Limits, visit func(e *entry) error) error {
	z, err := zip.NewReader(f, n)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are checked below
		return zipError(0, "the zip archive's directory is damaged", err)
	}
	seen := map[string]bool{}
	for _, file := range z.File {
		if file.FileInfo().IsDir() {
			continue
		}
		offset, err := file.DataOffset()
		if err != nil {
			return zipError(0, fmt.Sprintf("entry %q is damaged", file.Name), err)
		}
		if mode := file.Mode(); !mode.IsRegular() {
			return &FormatError{offset, fmt.Sprintf("entry %q is a link or a device (%v); pack the files themselves", file.Name, mode), nil}
		}
		e := &entry{size: int64(file.UncompressedSize64), offset: offset, open: func() (io.ReadCloser, error) {
			r, err := file.Open()
			if err != nil {
				return nil, zipError(offset, fmt.Sprintf("entry %q cannot be unpacked", file.Name), err)
			}
			return r, nil
		}}
		if e.name, err = entryName(file.Name, offset, seen); err != nil {
			return err
		}
		// Claims are bounded by what is there: deflate unfolds a byte to 1,032 at most.
		packed := int64(file.CompressedSize64)
		if packed < 0 || packed > n-offset {
			return &FormatError{offset, fmt.Sprintf("entry %q of %d bytes reaches beyond the file's end", e.name, file.CompressedSize64), nil}
		}
		if e.size < 0 || e.size > limits.Unpacked || e.size/1100 > packed {
			return &FormatError{offset, fmt.Sprintf("entry %q claims %d bytes from %d; at most %d are unpacked", e.name, file.UncompressedSize64, packed, limits.Unpacked), nil}
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func walkTar(f File, limits Limits, visit func(e *entry) error) error {
	in, err := unpack(f)
	if err != nil {
		return err
	}
	count := &counter{r: in, most: limits.Unpacked}
	t := tar.NewReader(count)
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return tarError(count.n, len(seen), err)
		}
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return &FormatError{count.n, fmt.Sprintf("entry %q is a link, a device or sparse (type %q); pack the files themselves", h.Name, h.Typeflag), nil}
		}
		e := &entry{size: h.Size, offset: count.n, open: func() (io.ReadCloser, error) { return io.NopCloser(t), nil }}
		if e.name, err = entryName(h.Name, e.offset, seen); err != nil {
			return err
		}
		if e.size > limits.Unpacked-count.n {
			return &FormatError{e.offset, fmt.Sprintf("entry %q claims %d bytes; at most %d are unpacked of an archive", e.name, e.size, limits.Unpacked), errBomb}
		}
		if err := visit(e); err != nil {
			return err
		}
	}
}

// entryName checks a name and remembers it.
func entryName(name string, offset int64, seen map[string]bool) (string, error) {
	clean := strings.TrimPrefix(name, "./")
	if !fs.ValidPath(clean) || clean == "." || strings.ContainsAny(clean, "\\\x00") {
		return "", &FormatError{offset, fmt.Sprintf("the entry's name %q is no plain path below the archive (.., a leading / and \\ are refused); pack the folder again", name), nil}
	}
	if seen[clean] {
		return "", &FormatError{offset, fmt.Sprintf("entry %q is there twice", clean), nil}
	}
	seen[clean] = true
	return clean, nil
}

// content reads a whole entry of at most most bytes.
func (e *entry) content(most int64) ([]byte, error) {
	if e.size > most {
		return nil, &FormatError{e.offset, fmt.Sprintf("entry %q has %d bytes; at most %d are read", e.name, e.size, most), nil}
	}
	r, err := e.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := readGrowing(r, e.size)
	if err != nil {
		return nil, zipError(e.offset, fmt.Sprintf("entry %q cannot be unpacked", e.name), err)
	}
	if int64(len(b)) < e.size {
		return nil, &FormatError{e.offset, fmt.Sprintf("entry %q ends after %d of %d bytes; fetch the file again", e.name, len(b), e.size), nil}
	}
	// The reader of a zip checks the sum only when asked for more.
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || err != nil && err != io.EOF {
		return nil, zipError(e.offset, fmt.Sprintf("entry %q is damaged", e.name), err)
	}
	return b, nil
}

// counter counts what was read, and stops a bomb.
type counter struct {
	r       io.Reader
	n, most int64
}

// errBomb says that an archive unpacks to more than is reasonable.
var errBomb = errors.New("it unpacks to more than the most that is read")

func (c *counter) Read(p []byte) (int, error) {
	if c.n >= c.most {
		return 0, errBomb
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.most-c.n)])
	c.n += int64(n)
	return n, err
}

func zipError(at int64, problem string, err error) error {
	var format *FormatError
	switch {
	case errors.As(err, &format):
		return err
	case err == nil, errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.EOF), errors.Is(err, errBomb), errors.Is(err, tar.ErrHeader):
		return &FormatError{at, problem, err}
	}
	return broken(at, problem, err)
}

func tarError(at int64, entries int, err error) error {
	if errors.Is(err, tar.ErrHeader) && entries == 0 {
		return &FormatError{at, "the file is no archive: zip, tar, tar.gz and tar.bz2 are read", err}
	}
	return zipError(at, fmt.Sprintf("the archive is damaged after %d entries", entries), err)
}
