package data

import (
	"bytes"
	"fmt"
	"io"
	"path"
)

// File is an opened source file. An *os.File is one; Bytes makes one of memory. Archives are read more than
// once and at positions, so a stream does not serve.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Opener opens file i of spec.Dataset.Files, positioned at its start. Build closes what it opened, and may
// open a file again afterwards.
type Opener func(i int) (File, error)

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// Bytes gives b as a File.
func Bytes(b []byte) File { return memory{bytes.NewReader(b)} }

// size returns the length of f and leaves it at its start.
func size(f File) (int64, error) {
	n, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return n, err
}

// each opens the files of a role, in their order, and reads them. what names the format in messages.
func (b *builder) each(role, what string, read func(f File) error) error {
	for _, i := range b.files(role) {
		if err := b.readFile(i, what, read); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) readFile(i int, what string, read func(f File) error) error {
	field := b.field(i)
	f, err := b.open(i)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	defer f.Close() // it was only read
	if err := read(f); err != nil {
		return sourceError(field, what, err)
	}
	return nil
}

// files are the indices of the files of a role.
func (b *builder) files(role string) []int {
	var out []int
	for i, f := range b.d.Files {
		if f.Role == role {
			out = append(out, i)
		}
	}
	return out
}

// field names a file in messages: by its role where that is enough, else by its name.
func (b *builder) field(i int) string {
	name := b.d.Files[i].Role
	if len(b.files(name)) > 1 {
		name = path.Base(b.d.Files[i].URL)
	}
	return "files[" + name + "]"
}
