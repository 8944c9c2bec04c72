package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// piece is a range of a file; a file of unknown size, or from a server that ignores ranges, is one piece of length -1.
type piece struct {
	index          int
	offset, length int64
	// done bytes are in the file.
	done int64
	// first is a stream that is open already.
	first *stream
	// kept is the name of the piece, or of its first keptBytes, in the store; "" if it is not there.
	kept      string
	keptBytes int64
}

// cut divides a file into pieces; an empty file is one empty piece.
func cut(size, by int64) []*piece {
	var out []*piece
	for offset := int64(0); offset < size || len(out) == 0; offset += by {
		out = append(out, &piece{index: len(out), offset: offset, length: min(by, size-offset)})
	}
	return out
}

// left is what is still to be read, -1 for everything that comes.
func (p *piece) left() int64 {
	if p.length < 0 {
		return -1
	}
	return p.length - p.done
}

// one brings one piece here, from the store as far as an earlier run kept it, and keeps it.
func (t *transfer) one(ctx context.Context, p *piece) error {
	if p.kept != "" {
		if err := t.keep.restore(ctx, p, t.file); err != nil {
			return err
		}
		t.meter.resume(t, p.done)
		if p.done == p.length {
			return nil
		}
	}
	err := t.retry(ctx, func() (bool, error) {
		before := p.done
		err := t.attempt(ctx, p)
		return p.done > before, err
	})
	if err != nil {
		t.keepStart(ctx, p)
		return err
	}
	return t.keep.put(ctx, t, p)
}

// keepStart keeps what there is of a piece when we are told to stop.
func (t *transfer) keepStart(ctx context.Context, p *piece) {
	if ctx.Err() == nil || p.length < 0 || p.done <= p.keptBytes {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.grace)
	defer cancel()
	if err := t.keep.put(ctx, t, p); err != nil {
		t.warn("The start of a piece could not be kept", "url", t.src.name(), "err", err)
	}
}

// attempt makes one request, unless a stream is open, and writes what it gets to its place in the file.
func (t *transfer) attempt(ctx context.Context, p *piece) error {
	if p.length == 0 && p.first == nil {
		return nil
	}
	// A server that falls silent must not hang us.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(t.stall, func() { cancel(errStalled) })
	defer watch.Stop()
	s := p.first
	if p.first = nil; s == nil {
		var err error
		if s, err = t.src.open(ctx, p.offset+p.done, p.left(), t.tag); err != nil {
			return stalled(ctx, err)
		}
	} else {
		// It was opened before the watch was set up.
		stop := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer stop()
	}
	defer s.Close()
	if err := t.match(s, p); err != nil {
		return err
	}
	return stalled(ctx, t.copy(s, p, func() { watch.Reset(t.stall) }))
}

// stalled tells the cause of an end that the watch brought about.
func stalled(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w for too long: %w", errStalled, err)
	}
	return err
}

// match holds a stream against what is known of the file.
func (t *transfer) match(s *stream, p *piece) error {
	if p.length >= 0 {
		switch {
		case t.tag != "" && s.tag != "" && s.tag != t.tag, s.size >= 0 && s.size != t.size:
			return errChanged
		case s.from != p.offset+p.done:
			return errNoRanges
		}
		return nil
	}
	switch {
	case s.from == 0:
		t.meter.add(t, -p.done)
		p.done, t.tag, t.size = 0, s.tag, s.size
		if err := t.file.Truncate(0); err != nil {
			return fmt.Errorf("%w: %w", errLocal, err)
		}
	case t.tag != "" && s.tag != "" && s.tag != t.tag, s.from != p.done, t.size >= 0 && s.size >= 0 && s.size != t.size:
		return errChanged
	}
	return nil
}

// copy reads a stream into the file.
func (t *transfer) copy(s *stream, p *piece, alive func()) error {
	var r io.Reader = s
	if p.length >= 0 {
		r = io.LimitReader(s, p.left())
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			alive()
			if p.offset+p.done+int64(n) > t.limit {
				return t.tooLarge(p.offset + p.done + int64(n))
			}
			if _, werr := t.file.WriteAt(buf[:n], p.offset+p.done); werr != nil {
				return fmt.Errorf("%w: %w", errLocal, werr)
			}
			p.done += int64(n)
			t.meter.add(t, int64(n))
		}
		switch {
		case errors.Is(err, io.EOF):
			return t.ended(p)
		case err != nil:
			return err
		}
	}
}

// ended says whether a stream that ended gave all of the piece.
func (t *transfer) ended(p *piece) error {
	switch {
	case p.length >= 0 && p.left() > 0, p.length < 0 && t.size > p.done:
		return io.ErrUnexpectedEOF
	case p.length < 0:
		t.size = p.done
	}
	return nil
}
