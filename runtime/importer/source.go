package importer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Source is a tree of files: a folder or an archive.
type Source interface {
	// Files are the paths of regular files, clean, relative, with slashes, sorted.
	Files() []string
	// Read returns a file's bytes. An absent file is fs.ErrNotExist. It is safe for concurrent use.
	Read(ctx context.Context, path string) ([]byte, error)
	Close() error
}

// Limits of a source: far above any published zoo.
const (
	maxFiles    = 5_000_000
	maxFileSize = 8 << 30
	// maxRatio bounds what a compressed archive unpacks to: deflate's best is 1032.
	maxRatio = 1032
)

// Defects of a source.
var (
	ErrPath    = errors.New("unsafe path in the archive")
	ErrArchive = errors.New("damaged archive")
	ErrTooMany = errors.New("too many files")
	ErrSize    = errors.New("file too large")
)

// checkPath refuses what would leave the archive, had it been unpacked.
func checkPath(name string) (string, error) {
	clean := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !fs.ValidPath(clean) || strings.ContainsAny(clean, "\\\x00") {
		return "", fmt.Errorf("%w: %.200q", ErrPath, name)
	}
	return clean, nil
}

// folder is a directory. Only regular files that the listing found are read, and the listing follows no symbolic links.
type folder struct {
	dir    string
	files  []string
	listed map[string]bool
}

// OpenFolder lists a directory.
func OpenFolder(dir string) (Source, error) {
	f := &folder{dir: dir, listed: map[string]bool{}}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular():
			if f.files = append(f.files, p); len(f.files) > maxFiles {
				return fmt.Errorf("%w: more than %d", ErrTooMany, maxFiles)
			}
			f.listed[p] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	slices.Sort(f.files)
	return f, nil
}

func (f *folder) Files() []string { return f.files }
func (f *folder) Close() error    { return nil }

func (f *folder) Read(_ context.Context, name string) ([]byte, error) {
	if !f.listed[name] {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
}

// entry is a file of an archive: a part of it, as it lies there or deflated.
type entry struct {
	offset, packed, size int64
	deflated             bool
	crc                  uint32
}

// archive is a zip or tar file.
type archive struct {
	r       io.ReaderAt
	files   []string
	entries map[string]entry
	close   func() error
}

func (a *archive) Files() []string { return a.files }
func (a *archive) Close() error    { return a.close() }

func (a *archive) Read(_ context.Context, name string) ([]byte, error) {
	e, ok := a.entries[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	raw := make([]byte, e.packed)
	if _, err := a.r.ReadAt(raw, e.offset); err != nil && (e.packed != 0 || !errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("%w: %s: %w", ErrArchive, name, err)
	}
	if e.deflated {
		var out bytes.Buffer
		d := flate.NewReader(bytes.NewReader(raw))
		defer d.Close()
		n, err := io.Copy(&out, io.LimitReader(d, e.size+1))
		if err != nil || n != e.size {
			return nil, fmt.Errorf("%w: %s: %d of %d bytes: %w", ErrArchive, name, n, e.size, errors.Join(err))
		}
		raw = out.Bytes()
	}
	if e.crc != 0 && crc32.ChecksumIEEE(raw) != e.crc {
		return nil, fmt.Errorf("%w: %s does not have its checksum", ErrArchive, name)
	}
	return raw, nil
}

func (a *archive) add(name string, e entry) error {
	name, err := checkPath(name)
	switch {
	case err != nil:
		return err
	case e.size > maxFileSize || e.packed > maxFileSize:
		return fmt.Errorf("%w: %s: %d bytes", ErrSize, name, e.size)
	case e.deflated && e.size > maxRatio*e.packed+64:
		return fmt.Errorf("%w: %s announces %d bytes in %d, which deflate cannot hold", ErrSize, name, e.size, e.packed)
	case len(a.files) == maxFiles:
		return fmt.Errorf("%w: more than %d", ErrTooMany, maxFiles)
	}
	if _, twice := a.entries[name]; twice {
		return fmt.Errorf("%w: %s is there twice", ErrArchive, name)
	}
	a.entries[name] = e
	a.files = append(a.files, name)
	return nil
}

// OpenArchive opens a zip, tar or tar.gz file by its first bytes. A tar.gz is unpacked to a file in tempDir first. r must stay open.
func OpenArchive(r io.ReaderAt, size int64, tempDir string) (Source, error) {
	var head [512]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch b := head[:n]; {
	case bytes.HasPrefix(b, []byte("PK\x03\x04")), bytes.HasPrefix(b, []byte("PK\x05\x06")):
		return openZip(r, size)
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return openGzip(r, size, tempDir)
	case n == len(head) && bytes.HasPrefix(b[257:], []byte("ustar")):
		return openTar(r, size, func() error { return nil })
	}
	return nil, fmt.Errorf("%w: neither a zip, tar nor tar.gz file", ErrArchive)
}

func openZip(r io.ReaderAt, size int64) (Source, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	a := &archive{r: r, entries: make(map[string]entry, len(z.File)), close: func() error { return nil }}
	type span struct{ from, to int64 }
	var spans []span
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || !f.Mode().IsRegular() {
			continue
		}
		if f.Method != zip.Store && f.Method != zip.Deflate {
			return nil, fmt.Errorf("%w: %.200q: compression method %d", ErrArchive, f.Name, f.Method)
		}
		offset, err := f.DataOffset()
		if err != nil || f.CompressedSize64 > uint64(size) || offset > size-int64(f.CompressedSize64) || f.UncompressedSize64 > maxFileSize {
			return nil, fmt.Errorf("%w: %.200q: bytes %d+%d of %d, unpacked %d", ErrArchive, f.Name, offset, f.CompressedSize64, size, f.UncompressedSize64)
		}
		if f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64 {
			return nil, fmt.Errorf("%w: %.200q is stored with two sizes", ErrArchive, f.Name)
		}
		e := entry{offset: offset, packed: int64(f.CompressedSize64), size: int64(f.UncompressedSize64), deflated: f.Method == zip.Deflate, crc: f.CRC32}
		if err := a.add(f.Name, e); err != nil {
			return nil, err
		}
		spans = append(spans, span{offset, offset + e.packed})
	}
	slices.SortFunc(spans, func(x, y span) int { return int(min(max(x.from-y.from, -1), 1)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return nil, fmt.Errorf("%w: files overlap at byte %d", ErrArchive, spans[i].from)
		}
	}
	slices.Sort(a.files)
	return a, nil
}

// openTar finds where the files lie; they are read later.
func openTar(r io.ReaderAt, size int64, closer func() error) (Source, error) {
	a := &archive{r: r, entries: map[string]entry{}, close: closer}
	section := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(section)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(a.files)
			return a, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		default:
			return nil, fmt.Errorf("%w: %.200q is a link or device", ErrPath, h.Name)
		}
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				return nil, fmt.Errorf("%w: %.200q is stored sparsely; pack it without --sparse", ErrArchive, h.Name)
			}
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if h.Size < 0 || h.Size > size-at {
			return nil, fmt.Errorf("%w: %.200q: %d bytes at %d of %d", ErrArchive, h.Name, h.Size, at, size)
		}
		if err := a.add(h.Name, entry{offset: at, packed: h.Size, size: h.Size}); err != nil {
			return nil, err
		}
	}
}

// openGzip unpacks a tar.gz to a temporary file, no further than its bytes can honestly hold.
func openGzip(r io.ReaderAt, size int64, tempDir string) (Source, error) {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	f, err := os.CreateTemp(tempDir, "weightspace-import-*.tar")
	if err != nil {
		return nil, err
	}
	closer := func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	limit := size * maxRatio
	n, err := io.Copy(f, io.LimitReader(z, limit+1))
	if err != nil || n > limit {
		return nil, errors.Join(fmt.Errorf("%w: after %d bytes: %w", ErrArchive, n, errors.Join(err)), closer())
	}
	s, err := openTar(f, n, closer)
	if err != nil {
		return nil, errors.Join(err, closer())
	}
	return s, nil
}

// groups collects files by folder: [folder]names.
func groups(files []string) (folders []string, names map[string][]string) {
	names = map[string][]string{}
	for _, f := range files {
		dir := path.Dir(f)
		if names[dir] == nil {
			folders = append(folders, dir)
		}
		names[dir] = append(names[dir], path.Base(f))
	}
	return folders, names
}

// single is a source of one file.
type single struct {
	name string
	r    io.ReaderAt
	size int64
}

// OpenFile is a source of one file, which must stay open.
func OpenFile(name string, r io.ReaderAt, size int64) Source { return &single{name, r, size} }

func (s *single) Files() []string { return []string{s.name} }
func (s *single) Close() error    { return nil }

func (s *single) Read(_ context.Context, name string) ([]byte, error) {
	if name != s.name {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if s.size > maxFileSize {
		return nil, fmt.Errorf("%w: %s: %d bytes", ErrSize, name, s.size)
	}
	b := make([]byte, s.size)
	_, err := io.ReadFull(io.NewSectionReader(s.r, 0, s.size), b)
	return b, err
}
