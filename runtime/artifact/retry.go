package artifact

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Options tune a store. The zero value gives the defaults.
type Options struct {
	// Mount is where the claim of a pvc:// store is mounted.
	Mount string
	// Budget is how long one operation keeps trying while the store does not answer, 0 for ten
	// minutes. Negative means one attempt.
	Budget time.Duration
	// FirstBackoff (0: 200 ms) doubles up to LongestBackoff (0: 15 s); each pause is scaled by a
	// random factor in [0.5, 1).
	FirstBackoff, LongestBackoff time.Duration
	// AttemptTimeout bounds one attempt, 0 for one minute; large bodies get a second more per MiB.
	AttemptTimeout time.Duration
	// MaxGetBytes is the largest object Get accepts, 0 for 2 GiB.
	MaxGetBytes int64
	// OnUnavailable is called after every attempt the store did not answer, OnAvailable when it
	// answers again. They must not block.
	OnUnavailable func(error)
	OnAvailable   func()
	// Random returns the jitter in [0, 1); nil for math/rand.
	Random func() float64
	// Pause waits, and returns early with ctx's error; nil for a timer. Now is the clock.
	Pause func(ctx context.Context, d time.Duration) error
	Now   func() time.Time
}

// retrier repeats operations while the store does not answer.
type retrier struct {
	// store names the store in errors.
	store string
	// answered is set once the store has answered anything: from then on, credentials that cannot be
	// had are a passing fault of whoever gives them out.
	answered                        *atomic.Bool
	budget, first, longest, attempt time.Duration
	onUnavailable                   func(error)
	onAvailable                     func()
	random                          func() float64
	pause                           func(context.Context, time.Duration) error
	now                             func() time.Time
}

func newRetrier(store string, o Options) retrier {
	r := retrier{
		store: store, answered: new(atomic.Bool), budget: o.Budget, first: o.FirstBackoff, longest: o.LongestBackoff, attempt: o.AttemptTimeout,
		onUnavailable: o.OnUnavailable, onAvailable: o.OnAvailable, random: o.Random, pause: o.Pause, now: o.Now,
	}
	setDefault(&r.budget, 10*time.Minute)
	setDefault(&r.first, 200*time.Millisecond)
	setDefault(&r.longest, 15*time.Second)
	setDefault(&r.attempt, time.Minute)
	if r.random == nil {
		r.random = rand.Float64
	}
	if r.pause == nil {
		r.pause = pause
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// timeout is the time one attempt on size bytes may take: a silent server must not hang us.
func (r *retrier) timeout(size int64) time.Duration {
	return r.attempt + time.Duration(size>>20)*time.Second
}

// do runs f until it succeeds, fails for good, ctx ends or the budget is spent. A timeout of 0
// leaves the attempts unbounded.
func (r *retrier) do(ctx context.Context, op, path string, timeout time.Duration, f func(context.Context) error) error {
	start, backoff, failed := r.now(), r.first, false
	for attempt := 1; ; attempt++ {
		err := once(ctx, timeout, f)
		var known *Error
		var lacking *noCredentialsError
		switch {
		case errors.As(err, &lacking) && !r.answered.Load():
			return &Error{Store: r.store, Op: op, Path: path, Kind: ErrDenied, Err: lacking}
		case err == nil, errors.As(err, &known):
			r.answered.Store(true)
			if failed && r.onAvailable != nil {
				r.onAvailable()
			}
			if err == nil {
				return nil
			}
			return &Error{Store: r.store, Op: op, Path: path, Kind: known.Kind, Err: known.Err}
		case ctx.Err() != nil:
			return fmt.Errorf("%s %s: %w", op, path, context.Cause(ctx))
		}
		failed = true
		if r.onUnavailable != nil {
			r.onUnavailable(fmt.Errorf("%s %s: %w", op, path, err))
		}
		wait := time.Duration(float64(backoff) * (0.5 + r.random()/2))
		if spent := r.now().Sub(start); spent+wait > r.budget {
			return &Error{Store: r.store, Op: op, Path: path, Kind: ErrUnavailable, Err: fmt.Errorf("%d attempts in %s: %w", attempt, spent.Round(time.Second), err)}
		}
		if err := r.pause(ctx, wait); err != nil {
			return fmt.Errorf("%s %s: %w", op, path, err)
		}
		backoff = min(2*backoff, r.longest)
	}
}

func once(ctx context.Context, timeout time.Duration, f func(context.Context) error) error {
	if timeout <= 0 {
		return f(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f(ctx)
}
