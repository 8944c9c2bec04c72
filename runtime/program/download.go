package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/artifact"
)

const (
	downloadAttempts = 8
	firstBackoff     = 500 * time.Millisecond
	longestBackoff   = 30 * time.Second
	// stallTimeout is how long a connection may give nothing.
	stallTimeout = time.Minute
	// pieceBytes is what one connection fetches at a time where the server honours ranges.
	pieceBytes = 8 << 20
	// connections are open at a time, over all files.
	connections = 8
	// keepAtLeast is the smallest file whose pieces are worth keeping in the store.
	keepAtLeast = 1 << 20
	// maxRestarts is how often a file is begun anew because it changed while it was fetched.
	maxRestarts = 2
)

var (
	// errPermanent marks an answer of a server that another attempt cannot change.
	errPermanent = errors.New("the server refuses")
	// errChanged means that the file is another one than when its first bytes were read.
	errChanged = errors.New("the file on the server changed while it was fetched")
	// errNoRanges means that the server ignores ranges although it honoured one before.
	errNoRanges = errors.New("the server does not honour ranges any more")
	// errLocal marks failures of this machine's disk.
	errLocal = errors.New("keep the file while it is checked")
	// errStalled means that a connection gave nothing for too long.
	errStalled = errors.New("the connection gives nothing")
)

// remote is a source file outside this machine.
type remote interface {
	// open reads length bytes from offset, or all that follow when length is negative. tag is what an earlier stream said of the
	// content, "" when nothing is known of it.
	open(ctx context.Context, offset, length int64, tag string) (*stream, error)
	// name is its URL without secrets.
	name() string
}

// stream is an open source file.
type stream struct {
	io.ReadCloser
	// from is where it begins: the offset asked for, or 0 when the server ignores ranges.
	from int64
	// ranged says that the server honoured the range.
	ranged bool
	// size of the whole file, -1 when the server does not say.
	size int64
	// tag changes with the file; "" when the server gives none.
	tag string
}

// downloads is what the files of one data set share.
type downloads struct {
	// slots bound the open connections.
	slots chan struct{}
	// limit is the largest file accepted.
	limit int64
	// piece is the size of a range, keepAtLeast that of the smallest file that is kept.
	piece, keepAtLeast int64
	// backoff is the first pause between attempts; it doubles up to longestBackoff.
	backoff, stall time.Duration
	// grace is the time left to keep unfinished pieces after cancellation.
	grace time.Duration
	meter *meter
	warn  func(msg string, args ...any)
}

func newDownloads(env *Env, m *meter) *downloads {
	return &downloads{
		slots: make(chan struct{}, connections), limit: env.MaxSourceBytes, piece: pieceBytes, keepAtLeast: keepAtLeast,
		backoff: firstBackoff, stall: stallTimeout, grace: env.Grace / 2, meter: m, warn: env.Log.Warn,
	}
}

// acquire waits for a connection's turn.
func (d *downloads) acquire(ctx context.Context) error {
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *downloads) release() { <-d.slots }

// transfer fetches one file. Where the server honours ranges, it does so in pieces: several at a time, and those that are finished
// are kept in the store, so that a process that is killed goes on where it stopped.
type transfer struct {
	*downloads
	// field names the file's URL in errors.
	field  string
	sha256 string
	src    remote
	file   *os.File
	// keep is nil for files that need not be kept.
	keep *keeper
	// whole gives up on ranges.
	whole bool
	// size and tag are those of the file, once the server has told; -1 and "" where it does not.
	size int64
	tag  string
	// resumed says that pieces of an earlier run were used.
	resumed bool
}

// fetch brings the file here and returns its sha256 in hexadecimal, which differs from what was expected only if the file on the
// server does.
func (t *transfer) fetch(ctx context.Context) (string, error) {
	for restarts := 0; ; restarts++ {
		err := t.once(ctx)
		switch {
		case err == nil:
			sum, err := hashFile(t.file)
			if err != nil || sum == t.sha256 || !t.resumed {
				return sum, err
			}
		case !errors.Is(err, errChanged) && !errors.Is(err, errNoRanges):
			return "", err
		case restarts >= maxRestarts:
			return "", fmt.Errorf("%s: fetch %s: %w, %d times; try again when it rests", t.field, t.src.name(), err, restarts+1)
		}
		t.whole = t.whole || errors.Is(err, errNoRanges)
		if err == nil {
			err = errors.New("what an earlier run kept does not fit")
		}
		t.warn("The file is fetched from its first byte again", "url", t.src.name(), "err", err)
		if err := t.reset(ctx); err != nil {
			return "", err
		}
	}
}

// reset forgets all that was fetched.
func (t *transfer) reset(ctx context.Context) error {
	t.meter.forget(t)
	t.resumed = false
	if err := t.file.Truncate(0); err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	return t.keep.drop(ctx)
}

// once fetches all pieces of the file.
func (t *transfer) once(ctx context.Context) error {
	t.size, t.tag = -1, ""
	pieces, err := t.begin(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range pieces {
		group.Go(func() error {
			// The piece whose stream is open already holds its turn.
			if p.first == nil {
				if err := t.acquire(ctx); err != nil {
					return err
				}
			}
			defer t.release()
			return t.one(ctx, p)
		})
	}
	return group.Wait()
}

// begin finds out what the file is, and cuts it into pieces.
func (t *transfer) begin(ctx context.Context) ([]*piece, error) {
	if !t.whole {
		pieces, err := t.keep.load(ctx, t)
		if err != nil || pieces != nil {
			return pieces, err
		}
	}
	if err := t.acquire(ctx); err != nil {
		return nil, err
	}
	length := t.piece
	if t.whole {
		length = -1
	}
	s, err := t.openFirst(ctx, length)
	if err != nil {
		t.release()
		return nil, err
	}
	t.size, t.tag = s.size, s.tag
	if t.size > t.limit {
		_ = s.Close()
		t.release()
		return nil, t.tooLarge(t.size)
	}
	t.meter.expect(t, max(t.size, 0))
	if t.whole || !s.ranged || t.size < 0 {
		return []*piece{{length: -1, first: s}}, nil
	}
	pieces := cut(t.size, t.piece)
	pieces[0].first = s
	return pieces, t.keep.begin(ctx, t)
}

// openFirst opens the file for the first time, with retries.
func (t *transfer) openFirst(ctx context.Context, length int64) (s *stream, err error) {
	err = t.retry(ctx, func() (bool, error) {
		s, err = t.src.open(ctx, 0, length, "")
		return false, err
	})
	return s, err
}

// retry calls f until it succeeds or cannot. f says whether it got anywhere, which renews the budget.
func (t *transfer) retry(ctx context.Context, f func() (moved bool, err error)) error {
	backoff := t.backoff
	for attempt := 1; ; attempt++ {
		moved, err := f()
		if err == nil {
			return nil
		}
		var input *InputError
		var store *artifact.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &input):
			input.Field = t.field
			return input
		case errors.Is(err, errPermanent):
			return &InputError{Field: t.field, Problem: fmt.Sprintf("%s: %v", t.src.name(), err), Remedy: "check the URL", Err: err}
		case errors.Is(err, errChanged), errors.Is(err, errNoRanges), errors.Is(err, errLocal):
			return err
		case errors.As(err, &store): // it has retried itself
			return fmt.Errorf("%s: %w", t.field, err)
		case moved:
			attempt, backoff = 0, t.backoff // the budget is for standing still
		case attempt >= downloadAttempts:
			return fmt.Errorf("%s: fetch %s: gave up after %d attempts: %w", t.field, t.src.name(), attempt, err)
		}
		t.warn("Download interrupted, trying again", "url", t.src.name(), "err", err)
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, longestBackoff)
	}
}

func (t *transfer) tooLarge(n int64) *InputError {
	return &InputError{Field: t.field, Problem: fmt.Sprintf("the file has %d bytes or more", n), Remedy: fmt.Sprintf("source files may have at most %d bytes", t.limit)}
}

func hashFile(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}

// pause waits for d with up to a quarter of jitter, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d + rand.N(d/4+1)) //nolint:gosec // jitter is no secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
