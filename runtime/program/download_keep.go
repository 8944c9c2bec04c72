package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// fetchFolder is below the artifact; it holds finished pieces of source files and is removed once the artifact is complete.
const fetchFolder = "fetch"

// keeper keeps the finished pieces of one source file in the store, so that a killed process goes on where it stopped. A piece's
// name holds its sha256, and the file's is checked in the end: what is kept is never believed. A nil keeper keeps nothing.
type keeper struct {
	store *artifact.Store
	// dir is <artifact>/fetch/<sha256 of the file>.
	dir string
}

// keptFile says what the pieces are of.
type keptFile struct {
	URL   string `json:"url"`
	Tag   string `json:"tag,omitempty"`
	Size  int64  `json:"size"`
	Piece int64  `json:"piece"`
}

const keptName = "/file.json"

// maxPieces bounds what a listing may ask us to make.
const maxPieces = 1 << 20

// load returns the pieces of the file with those marked that are kept, nil if there is nothing of use.
func (k *keeper) load(ctx context.Context, t *transfer) ([]*piece, error) {
	if k == nil {
		return nil, nil
	}
	b, err := k.store.Get(ctx, k.dir+keptName)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for fetched pieces: %w", err)
	}
	var f keptFile
	if json.Unmarshal(b, &f) != nil || f.URL != t.src.name() || f.Size < 0 || f.Size > t.limit || f.Piece < 1 || f.Size/f.Piece > maxPieces {
		return nil, k.drop(ctx)
	}
	objects, err := k.store.List(ctx, k.dir+"/")
	if err != nil {
		return nil, fmt.Errorf("look for fetched pieces: %w", err)
	}
	pieces := cut(f.Size, f.Piece)
	for _, o := range objects {
		name := strings.TrimPrefix(o.Path, k.dir+"/")
		number, _, ok := strings.Cut(name, "-")
		i, err := strconv.Atoi(number)
		if ok && err == nil && i >= 0 && i < len(pieces) && o.Size <= pieces[i].length && o.Size >= pieces[i].keptBytes {
			pieces[i].kept, pieces[i].keptBytes = name, o.Size
		}
	}
	t.size, t.tag, t.resumed = f.Size, f.Tag, true
	t.meter.expect(t, f.Size)
	return pieces, nil
}

// begin notes what file the pieces to come are of. Small files are not kept.
func (k *keeper) begin(ctx context.Context, t *transfer) error {
	if k == nil || t.size < t.keepAtLeast {
		return nil
	}
	return k.note(ctx, t, t.piece)
}

func (k *keeper) note(ctx context.Context, t *transfer, piece int64) error {
	b, err := json.Marshal(keptFile{URL: t.src.name(), Tag: t.tag, Size: t.size, Piece: piece})
	if err != nil {
		return err
	}
	if err := k.store.Put(ctx, k.dir+keptName, b); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	return nil
}

// put keeps what t's file has of a piece.
func (k *keeper) put(ctx context.Context, t *transfer, p *piece) error {
	if k == nil || t.size < t.keepAtLeast {
		return nil
	}
	length := p.done
	if p.length < 0 { // the whole file, whose size is known only now
		if err := k.note(ctx, t, max(length, 1)); err != nil {
			return err
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(t.file, p.offset, length)); err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	name := fmt.Sprintf("%s/%06d-%s", k.dir, p.index, hex.EncodeToString(h.Sum(nil)))
	if err := k.store.PutReader(ctx, name, io.NewSectionReader(t.file, p.offset, length)); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	return nil
}

// restore brings what is kept of a piece to its place in the file, unless it is damaged or gone.
func (k *keeper) restore(ctx context.Context, p *piece, file *os.File) error {
	r, err := k.store.Reader(ctx, k.dir+"/"+p.kept)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was fetched: %w", err)
	}
	defer r.Close()
	h := sha256.New()
	to := io.NewOffsetWriter(file, p.offset)
	n, err := io.Copy(to, io.TeeReader(io.LimitReader(r, p.keptBytes), h))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, sum, _ := strings.Cut(p.kept, "-")
	if err == nil && n == p.keptBytes && hex.EncodeToString(h.Sum(nil)) == sum {
		p.done = n
	}
	return nil
}

// drop removes all that was kept of the file.
func (k *keeper) drop(ctx context.Context) error {
	if k == nil {
		return nil
	}
	if _, err := k.store.DeletePrefix(ctx, k.dir); err != nil {
		return fmt.Errorf("remove what was fetched: %w", err)
	}
	return nil
}
